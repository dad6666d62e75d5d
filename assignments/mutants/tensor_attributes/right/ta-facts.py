def facts(t):
    return {"shape": tuple(t.shape), "dims": t.dim(), "elements": t.numel(), "dtype": t.dtype, "device": t.device.type}
