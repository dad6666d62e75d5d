"""Laws of what ``%%gradtrace`` finds besides the picture, on random computations."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from torch.autograd.graph import saved_tensors_hooks

from torchmagic.graph_options import Wanted
from torchmagic.graph_records import GraphRecord
from torchmagic.observe.graph_session import GraphSession

_UNARY = ["{}.exp()", "{}.sin()", "{}.tanh()", "{} ** 2", "{} * 3", "{}.t()", "{}.sum(0, keepdim=True)", "{}.softmax(1)",
          "{}.abs()", "torch.relu({})", "{}.reshape(-1, 2)[:2, :2]", "F.dropout({}, 0.5)", "{}.clone().mul_(2)", "-{}"]  # fmt: skip
_BINARY = ["{} + {}", "{} * {}", "{} - {}", "({}.t() @ {})", "torch.where(c, {}, {})", "torch.maximum({}, {})"]


@st.composite
def computations(draw: Any) -> str:
    """Lines that compute square matrices ``t0``, ``t1``, … from the leaves ``a`` and ``b``, then a loss."""
    names = ["a", "b"]
    lines = []
    for number in range(draw(st.integers(1, 6))):
        form = draw(st.sampled_from(_UNARY + _BINARY))
        given = [draw(st.sampled_from(names)) for _ in range(form.count("{}"))]
        lines.append(f"t{number} = fit({form.format(*given)})")
        names.append(f"t{number}")
    lines.append(f"loss = ({' + '.join(draw(st.permutations(names))[:3])}).sin().mean()")
    return "\n".join(lines)


def fresh(dtype: torch.dtype) -> dict[str, Any]:
    torch.manual_seed(2)
    a, b = (torch.randn(2, 2, dtype=dtype, requires_grad=True) for _ in range(2))
    fit = lambda t: t.expand(2, 2) if t.shape != (2, 2) else t  # noqa: E731
    return {
        "a": a,
        "b": b,
        "c": torch.tensor([[True, False], [False, True]]),
        "torch": torch,
        "fit": fit,
        "F": torch.nn.functional,
    }


def observed(source: str, names: dict[str, Any], wanted: Wanted) -> GraphRecord:
    with GraphSession(wanted) as session:
        exec(compile(source, "<cell>", "exec"), names)
    record = session.record(names, ["loss"])
    assert record is not None
    return record


@settings(max_examples=40, deadline=None)
@given(computations(), st.sampled_from([torch.float32, torch.float64]))
@example(
    "t0 = fit(b.exp())\nt1 = fit(a.exp())\nt2 = fit(t0.exp())\nt4 = fit(t2.exp())\nloss = (a + b + t4).sin().mean()",
    torch.float32,
)
def test_autograd_agrees_with_finite_differences(source: str, dtype: torch.dtype) -> None:
    names = fresh(dtype)
    record = observed(f"{source}\nloss.backward()", names, Wanted(check=True))
    used = {name for name in "ab" if names[name].grad is not None}
    assert {check.name for check in record.checks} == used
    for check in record.checks:  # exp of exp of exp, in a sine, has no slope that can be measured
        assert check.agrees or (check.agrees is None and "too quickly" in check.text), check


@settings(max_examples=25, deadline=None)
@given(computations(), st.sampled_from([0.0, 0.5, -1.0, 1.1]))
def test_a_gradient_that_was_changed_differs(source: str, factor: float) -> None:
    names = fresh(torch.float64)
    names["a"].register_hook(lambda g: g * factor)
    record = observed(f"{source}\nloss = loss + (a * b).sum()\nloss.backward()", names, Wanted(check=True))
    found = {check.name: check.agrees for check in record.checks}
    assume(None not in found.values())  # it changes too quickly to be judged
    torch.manual_seed(2)
    assert found["b"] is True
    plain = fresh(torch.float64)
    exec(f"{source}\nloss = loss + (a * b).sum()\nloss.backward()", plain)
    assert found["a"] is (not plain["a"].grad.abs().max() > 1e-6)


@settings(max_examples=40, deadline=None)
@given(computations(), st.booleans())
def test_what_is_kept_is_what_hooks_are_given(source: str, backward: bool) -> None:
    packed: list[tuple[Any, ...]] = []
    with saved_tensors_hooks(lambda t: packed.append((tuple(t.shape), t.untyped_storage().nbytes())) or t, lambda t: t):
        exec(source, plain := fresh(torch.float32))
    del plain
    record = observed(source + ("\nloss.backward()" if backward else ""), fresh(torch.float32), Wanted(saved=True))
    # a hook is given every tensor that is kept at all; some operations before the loss may not be part of its graph
    shapes = sorted(shape for shape, _ in packed)
    for each in record.saved:
        assert each.shape in shapes
        shapes.remove(each.shape)
    alone = [each for each in record.saved if not each.held]
    assert sum(each.nbytes for each in alone) <= sum(nbytes for _, nbytes in packed)


@settings(max_examples=25, deadline=None)
@given(computations())
def test_every_call_is_listed_with_what_came_out(source: str) -> None:
    names = fresh(torch.float32)
    record = observed(source, names, Wanted(forward=True))
    assert sum(call.count for call in record.forward) >= len(source.splitlines())
    assert record.forward[-1].label == "mean"
    assert all(call.line is not None and 1 <= call.line <= len(source.splitlines()) for call in record.forward)
    assert all(call.seconds >= 0 and call.nbytes >= 0 for call in record.forward)


#: ordinary computations of many kinds, with random numbers where they have some
ORDINARY = {
    "conv": "net=nn.Sequential(nn.Conv2d(1,4,3,padding=1),nn.BatchNorm2d(4),nn.GELU(),nn.MaxPool2d(2),nn.Flatten(),nn.Linear(64,5))\nx=torch.randn(3,1,8,8)\nF.cross_entropy(net(x),torch.tensor([1,2,0])).backward()",
    "vae": "enc=nn.Linear(4,4);dec=nn.Linear(2,4)\nx=torch.rand(6,4)\nmu,lv=enc(x).chunk(2,1)\nz=mu+torch.randn_like(mu)*(0.5*lv).exp()\nl=F.binary_cross_entropy_with_logits(dec(z),x)-0.5*(1+lv-mu**2-lv.exp()).mean()\nl.backward()",
    "rsample": "m=torch.zeros(3,requires_grad=True)\ns=torch.ones(3,requires_grad=True)\nd=torch.distributions.Normal(m,s)\nl=(d.rsample()**2).sum()+d.log_prob(torch.ones(3)).sum()\nl.backward()",
    "gumbel": "w=torch.randn(4,3,requires_grad=True)\n(F.gumbel_softmax(w,tau=.5)*torch.arange(3.)).sum().backward()",
    "einsum/linalg": "A=torch.randn(3,3,requires_grad=True)\n(torch.linalg.inv(A@A.T+torch.eye(3)).logdet()+torch.einsum('ij,ij->',A,A)).backward()",
    "svd/eig": "A=torch.randn(4,3,requires_grad=True)\nU,S,V=torch.linalg.svd(A,full_matrices=False)\nS.sum().backward()",
    "gather/scatter": "w=torch.randn(4,3,requires_grad=True)\ni=torch.tensor([[0],[1],[2],[0]])\n(w.gather(1,i).sum()+torch.zeros(4,3).scatter_add(0,i.expand(4,3),w).pow(2).sum()+w[w>0].sum()+w.max(1).values.sum()+w.sort(0).values[0].sum()).backward()",
    "mha": "m=nn.MultiheadAttention(8,2,dropout=.2)\nx=torch.randn(5,2,8)\no,w=m(x,x,x)\no.pow(2).sum().backward()",
    "sdpa": "q,k,v=(torch.randn(1,2,5,4,requires_grad=True) for _ in range(3))\nF.scaled_dot_product_attention(q,k,v,dropout_p=.3,is_causal=True).pow(2).sum().backward()",
    "gru/embedding": "e=nn.Embedding(9,4);g=nn.GRU(4,3,bidirectional=True)\no,h=g(e(torch.randint(0,9,(5,2))))\n(o.sum()+h.pow(2).sum()).backward()",
    "packed": "g=nn.LSTM(4,3)\np=nn.utils.rnn.pack_padded_sequence(torch.randn(5,2,4),[5,3])\no,h=g(p)\no.data.sum().backward()",
    "float64": "w=torch.randn(3,dtype=torch.float64,requires_grad=True)\n(w.exp()*w.sin()).sum().backward()",
    "mixed": "w=torch.randn(3,requires_grad=True)\n(w.double()*2).sum().backward()\n",
    "param list": "ws=[torch.randn(2,requires_grad=True) for _ in range(3)]\ntorch.stack(ws).prod(0).sum().backward()",
    "weight tie": "e=nn.Embedding(5,4);l=nn.Linear(4,5,bias=False);l.weight=e.weight\nF.cross_entropy(l(e(torch.tensor([1,2]))),torch.tensor([2,3])).backward()",
    "spectral": "l=nn.utils.parametrizations.spectral_norm(nn.Linear(3,3))\nl(torch.randn(2,3)).pow(2).sum().backward()",
    "bool mask assign": "w=torch.randn(4,requires_grad=True)\ny=w*1\ny[y<0]=0\ny.sum().backward()",
    "detach": "w=torch.randn(3,requires_grad=True)\n(w*w.detach()).sum().backward()",
    "none-grad": "w=torch.randn(3,requires_grad=True);u=torch.randn(3,requires_grad=True)\n((w*2)+u.detach()).sum().backward()",
    "clip": "w=torch.randn(3,requires_grad=True)\nw.clamp(0,1).pow(2).sum().backward()\nnn.utils.clip_grad_norm_([w],.1)",
    "accum": "w=torch.randn(3,requires_grad=True)\nfor i in range(3): (w**2).sum().backward()",
    "functional.jacobian": "J=torch.autograd.functional.jacobian(lambda x:x**2,torch.ones(2))\nw=torch.ones(2,requires_grad=True)\n(w*J.sum()).sum().backward()",
}
#: what cannot be judged, and what is said of it
UNJUDGED = {
    "type str": (
        "w=torch.randn(3,requires_grad=True)\nw.type(torch.DoubleTensor).sum().backward()",
        "of type tensortype",
    ),
    "user op": (
        "from torch.library import custom_op\n@custom_op('mine::f',mutates_args=())\ndef f(x:torch.Tensor)->torch.Tensor:\n    return x*2\nf.register_autograd(lambda ctx,g:g*2)\nw=torch.randn(3,requires_grad=True)\nf(w).sum().backward()",
        "mine.f.default is not torch's own, and is not run a second time",
    ),
    "subclass": (
        "class T(torch.Tensor):\n    pass\nw=torch.randn(3).as_subclass(T).requires_grad_()\n(w*2).sum().backward()",
        "a T is a tensor class of its own",
    ),
    "nan": ("w=torch.tensor([-1.,2.],requires_grad=True)\nw.log().sum().backward()", "the result is nan"),
    "maml": (
        "w=torch.randn(3,requires_grad=True)\ng,=torch.autograd.grad((w**2).sum(),w,create_graph=True)\nw2=w-.1*g\n(w2**3).sum().backward()",
        "it is itself a gradient",
    ),
}


def lines() -> dict[str, Any]:
    torch.manual_seed(0)
    return {"torch": torch, "nn": torch.nn, "F": torch.nn.functional}


@pytest.mark.parametrize("name", ORDINARY)
def test_gradients_of_ordinary_computations_agree(name: str) -> None:
    if name == "gumbel" and torch.__version__ < "2.7":
        pytest.skip("a torch older than 2.7 draws other numbers when it computes again")
    names = lines()
    with GraphSession(Wanted(check=True)) as session:
        exec(compile(ORDINARY[name], "<cell>", "exec"), names)
    state = torch.get_rng_state()
    record = session.record(names, [])
    assert record is not None
    assert torch.equal(torch.get_rng_state(), state)
    assert record.checks
    assert {check.agrees for check in record.checks} == {True}, record.checks


@pytest.mark.filterwarnings("ignore:The .* was deprecated")
@pytest.mark.parametrize("name", UNJUDGED)
def test_what_cannot_be_judged_says_why(name: str) -> None:
    source, said = UNJUDGED[name]
    names = lines()
    with GraphSession(Wanted(check=True)) as session:
        exec(compile(source, "<cell>", "exec"), names)
    record = session.record(names, [])
    assert record is not None
    assert said in record.checks[-1].text
    assert record.checks[-1].agrees is None
