predicted = {name: torch.float32 for name in "abcdefgh"}
