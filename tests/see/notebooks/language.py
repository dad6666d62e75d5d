# %%
import random, sys, threading, weakref
import numpy as np
import torch
from torch import nn
from IPython.display import HTML, Markdown, display
random.seed(1); np.random.seed(1); torch.manual_seed(1)
# %%
x = torch.randn(4, 3)
print("out")
print("err", file=sys.stderr)
x.shape
# %%
import asyncio
async def later(n):
    await asyncio.sleep(0)
    return torch.ones(n)
results = await asyncio.gather(later(1), later(2))
results
# %%
async def numbers():
    for i in range(3):
        yield torch.tensor(i)
[int(n) async for n in numbers()]
# %%
%time y = x * 2
y.sum().item() == 2 * x.sum().item()
# %%
class Point:
    def __init__(self, x):
        self.x = x
    @property
    def loud(self):
        raise RuntimeError("a property ran")
    def __getattr__(self, name):
        raise AttributeError(name)
    def __repr__(self):
        return "Point"
p = Point(torch.ones(2))
p
# %%
def generate():
    t = torch.zeros(1)
    while True:
        t = t + 1
        yield t
g = generate()
[next(g).item() for _ in range(3)]
# %%
from math import *
sqrt(16), floor(2.5)
# %%
del y, results
"y" in globals()
# %%
found = []
def work(n):
    found.append((n, float(torch.full((2,), float(n)).sum())))
threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
for t in threads: t.start()
for t in threads: t.join()
sorted(found)
# %%
!echo from the shell
# %%
files = !printf 'a\nb\n'
list(files)
# %%
from IPython.utils.io import capture_output
with capture_output() as captured:
    print("hidden")
captured.stdout
# %%
def outer():
    total = torch.zeros(1)
    def inner(k):
        nonlocal total
        total = total + k
        return total
    return [inner(k).item() for k in range(3)]
outer()
# %%
def fail(t):
    return t @ torch.ones(7)

fail(x)
# %%
try:
    torch.ones(2) + torch.ones(3)
except RuntimeError as error:
    print(type(error).__name__, str(error)[:40])
# %%
raise KeyError("mine")
# %%
try:
    fail(x)
except RuntimeError as error:
    raise ValueError("outer") from error
# %%
import warnings
warnings.warn("careful")
torch.tensor(torch.ones(2))
# %%
display(HTML("<b>bold</b>"), Markdown("*md*"))
handle = display("first", display_id="one")
handle.update("second")
# %%
import ipywidgets
slider = ipywidgets.IntSlider(value=3)
slider.value = 5
slider.value
# %%
x; z = 3;
# %%
lambda_list = [lambda t, k=k: t * k for k in range(3)]
[f(torch.ones(1)).item() for f in lambda_list]
# %%
match (torch.ones(2).shape, 3):
    case ((2,), n):
        matched = n
matched
# %%
alive = weakref.ref(torch.ones(3))
held = torch.ones(3)
seen = weakref.ref(held)
del held
alive() is None, seen() is None
# %%
exec("made = torch.ones(2) * 3")
eval("made.sum()")
# %%
%%time
z = torch.ones(2) + 1
# %%
%%capture hidden
print("hidden")
q = torch.ones(3)
# %%
hidden.stdout, q.sum()
# %%
%precision 3
1 / 3
# %%
try:
    raise SystemExit("no")
except SystemExit as error:
    print("caught", error)
# %%
torch.rand(2).tolist(), np.random.rand(2).tolist(), random.random()
