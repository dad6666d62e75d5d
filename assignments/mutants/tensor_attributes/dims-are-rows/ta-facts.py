def facts(t):
    return {"shape": tuple(t.shape), "dims": t.shape[0] if t.shape else 0, "elements": t.numel(), "dtype": t.dtype, "device": t.device.type}


# len(t), as of a list
