"""The public interface, as a listing that a change has to touch on purpose."""
