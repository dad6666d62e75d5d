# %%
%matplotlib inline
import matplotlib.pyplot as plt
import numpy as np
import torch
torch.manual_seed(3)
# %%
x = torch.linspace(0, 1, 20)
plt.plot(x, x ** 2)
plt.title("curve")
# %%
fig, axes = plt.subplots(1, 2)
axes[0].hist(torch.randn(100).numpy())
axes[1].imshow(torch.rand(4, 4))
plt.show()
print("after the plot")
# %%
for i in range(5000):
    globals()[f"v{i}"] = i
for i in range(500):
    globals()[f"t{i}"] = torch.full((2,), float(i))
len([name for name in globals() if name.startswith("t")]) >= 500
# %%
total = sum(globals()[f"t{i}"].sum() for i in range(500))
total
# %%
a = np.arange(6.0)
b = torch.from_numpy(a)
b += 1
a
# %%
import pandas as pd
frame = pd.DataFrame({"x": x.numpy()[:3]})
frame
# %%
plt.figure()
plt.plot([1, 2])
raise RuntimeError("after a plot was begun")
# %%
torch.rand(2).tolist()
