"""What is said about supported versions, tried at both ends: the oldest and the newest of everything, with each Python."""
