"""What a course's configuration sets in vain: values that do not fit, options and classes that are misspelt."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from traitlets.config import Config, Configurable
from traitlets.config.loader import DeferredConfig, LazyConfigValue
from traitlets.traitlets import HasTraits, TraitError, TraitType, Type

from torchmagic.errors import TorchmagicError

Known = Mapping[str, list[type[Configurable]]]
#: How much alike names must be for one to be a slip of the other: there are many classes, not all of them imported.
_ALIKE_OPTIONS, _ALIKE_CLASSES = 0.8, 0.9


@dataclass(frozen=True, slots=True)
class Misset:
    """A setting that does not do what it says.

    Attributes:
        setting: as it is written, such as ``c.Execute.timeout``.
        why: what is wrong with it, to go on from the setting in a sentence.
        fatal: whether nbgrader stops at it; what it only passes over is not.
    """

    setting: str
    why: str
    fatal: bool

    def __str__(self) -> str:
        return f"`{self.setting}` {self.why}"


def loaded_classes() -> dict[str, list[type[Configurable]]]:
    """All configurable classes that were imported so far, by name; several may share one."""
    found: dict[str, list[type[Configurable]]] = {}
    todo: list[type[Configurable]] = [Configurable]
    seen: set[type[Configurable]] = set()
    while todo:
        kind = todo.pop()
        if kind not in seen:
            seen.add(kind)
            found.setdefault(kind.__name__, []).append(kind)
            todo += kind.__subclasses__()
    return found


def demand_fit(config: Config) -> None:
    """Refuse a configuration with a value that a class which was imported cannot take.

    Raises:
        TorchmagicError: there is one; it says which, and what would fit.
    """
    for found in missettings(config, loaded_classes()):
        if found.fatal:
            raise TorchmagicError(f"In nbgrader_config.py {found}.", hint="Mend it there.")


def missettings(config: Config, known: Known) -> list[Misset]:
    """What a configuration sets that does not do what it says.

    Args:
        config: the course's.
        known: the configurable classes. A section of another name is somebody else's, unless it is much like one.

    >>> from traitlets.config import Application
    >>> config = Config({"Application": {"log_levle": 10, "log_datefmt": 10}, "Aplication": {"x": 1}})
    >>> for each in missettings(config, {"Application": [Application]}):
    ...     print(each)
    `c.Application.log_levle` is no option: did you mean `log_level`?
    `c.Application.log_datefmt` is 10, which is not a unicode string
    `c.Aplication` is no class of nbgrader's or torchmagic's: did you mean `Application`?
    """
    return list(_missettings(config, known))


def _missettings(config: Config, known: Known) -> Iterator[Misset]:
    for name, section in config.items():
        if not isinstance(section, Config) or not section:
            continue
        if name not in known:
            alike = _alike(name, known, _ALIKE_CLASSES)
            if alike:
                yield Misset(f"c.{name}", f"is no class of nbgrader's or torchmagic's{alike}", False)
            continue
        below = list(_with_subclasses(known[name]))
        options = {option for kind in below for option in kind.class_trait_names(config=True)}
        for option, value in section.items():
            setting = f"c.{name}.{option}"
            if isinstance(value, (Config, LazyConfigValue, DeferredConfig)):
                continue  # a class inside this one; what adds to a default; a word of the command line, not read yet
            if option not in options:
                yield Misset(setting, f"is no option{_alike(option, options, _ALIKE_OPTIONS)}", False)
                continue
            whys = [_unfit(kind.class_traits()[option], value) for kind in below if option in kind.class_traits()]
            if all(whys):
                yield Misset(setting, whys[0], True)


def _with_subclasses(kinds: Iterable[type[Configurable]]) -> Iterator[type[Configurable]]:
    """A section configures its class and all below it, with what these add."""
    for kind in kinds:
        yield kind
        yield from _with_subclasses(kind.__subclasses__())


def _alike(name: str, names: Iterable[str], least: float) -> str:
    close = difflib.get_close_matches(name, names, 1, least)
    return f": did you mean `{close[0]}`?" if close else ""


def _outside(trait: TraitType[Any, Any], value: Any) -> str:
    """What of a trait's bounds a number does not keep to; "" where it keeps to them, or is none."""
    least, most = getattr(trait, "min", None), getattr(trait, "max", None)
    if not isinstance(value, (int, float)):
        return ""
    if least is not None and value < least:
        return f"less than {least:g}"
    return f"more than {most:g}" if most is not None and value > most else ""


def _unfit(trait: TraitType[Any, Any], value: Any) -> str:
    """Why a trait does not take a value; "" where it does. A class that is named is imported."""
    if value is None and trait.allow_none:
        return ""
    try:
        validate = getattr(trait, "validate", None)
        if validate is not None:
            validate(HasTraits(), value)
    except TraitError as error:
        cause = error.__cause__
        if isinstance(cause, ImportError):
            return f"is {value!r}, which could not be imported ({type(cause).__name__}: {cause})"
        return f"is {value!r}, which is {_outside(trait, value) or f'not {trait.info()}'}"
    except Exception as error:  # the module that it names is anybody's, and may raise anything
        if isinstance(trait, Type):
            return f"is {value!r}, which could not be imported ({type(error).__name__}: {error})"
        return ""  # a trait that asks its object, which is not there: nobody can tell yet
    return ""
