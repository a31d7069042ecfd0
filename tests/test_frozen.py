"""A frozen class is what the standard library makes of the same text, whatever is asked of it first."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from dataclasses import field
from functools import cached_property

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.frozen import dataclass


def _made(decorator):
    @decorator(frozen=True, slots=True)
    class Base:
        name: str
        sizes: tuple[int, ...] = ()

    @decorator(frozen=True, slots=True)
    class Derived(Base):
        """One of each kind of field."""

        seen: list[str] = field(default_factory=list)
        note: str = field(default="", compare=False)
        hidden: str = field(default="x", repr=False)
        total: int = field(default=0, compare=True)

        def __post_init__(self):
            object.__setattr__(self, "total", sum(self.sizes))

    @decorator(frozen=True, slots=True)
    class Empty:
        pass

    @decorator(frozen=True, slots=True)
    class Own:  # noqa: PLW1641 - whether one is made is asked
        name: str

        def __repr__(self):
            return "mine"

        def __eq__(self, other):
            return True

    @decorator(frozen=True)
    class Loose:
        """With room for what is worked out once."""

        name: str
        sizes: tuple[int, ...] = (1,)
        seen: list[str] = field(default_factory=list, compare=False)

        @cached_property
        def total(self) -> int:
            return sum(self.sizes)

    @decorator(frozen=True)
    class Below(Loose):
        sizes: tuple[int, ...] = (2,)
        note: str = field(default="x", repr=False)

    return Base, Derived, Empty, Own, Loose, Below


OURS, THEIRS = _made(dataclass), _made(dataclasses.dataclass)
NAMES = range(len(OURS))
A: dict[str, object] = {"name": "a"}
TWO: dict[str, object] = {"name": "a", "sizes": (1, 2)}
ARGUMENTS: dict[int, dict[str, object]] = {0: A, 1: TWO, 2: {}, 3: A, 4: A, 5: TWO}


@dataclass(frozen=True, slots=True)
class Sent:
    """What pickle finds by its name."""

    name: str
    size: int = 0


@pytest.mark.parametrize("number", NAMES)
def test_the_class_is_described_alike(number):
    ours, theirs = OURS[number], THEIRS[number]
    assert ours.__match_args__ == theirs.__match_args__
    assert getattr(ours, "__slots__", None) == getattr(theirs, "__slots__", None)
    assert ours.__doc__ == theirs.__doc__ or theirs.__doc__.startswith(theirs.__name__ + "(")
    assert [_told(it) for it in dataclasses.fields(ours)] == [_told(it) for it in dataclasses.fields(theirs)]
    one, other = ours(**ARGUMENTS[number]), theirs(**ARGUMENTS[number])
    assert hasattr(one, "__dict__") is hasattr(other, "__dict__")


def _told(it):
    return it.name, it.type, it.default, it.default_factory, it.repr, it.compare, it.init


@pytest.mark.parametrize("number", [4, 5])
def test_an_object_without_slots_keeps_what_it_worked_out(number):
    one, other = (it[number](**ARGUMENTS[number]) for it in (OURS, THEIRS))
    assert one.total == other.total
    assert one.__dict__ == other.__dict__
    assert dataclasses.replace(one, sizes=(5,)).total == 5
    assert copy.deepcopy(one) == one
    with pytest.raises(dataclasses.FrozenInstanceError):
        one.name = "b"


@pytest.mark.parametrize("number", NAMES)
def test_an_object_says_the_same_of_itself(number):
    ours, theirs = (it[number](**ARGUMENTS[number]) for it in (OURS, THEIRS))
    assert repr(ours) == repr(theirs)
    assert dataclasses.asdict(ours) == dataclasses.asdict(theirs)


@given(st.text(max_size=2), st.lists(st.integers(0, 2), max_size=2), st.text(max_size=1), st.text(max_size=1))
def test_objects_are_equal_and_hash_alike_where_the_standard_library_says_so(name, sizes, note, hidden):
    arguments = {"name": name, "sizes": tuple(sizes), "note": note, "hidden": hidden, "seen": ()}
    other = {"name": "a", "sizes": (1,), "seen": ()}
    ours, theirs = ((made(**arguments), made(**arguments, total=9), made(**other)) for made in (OURS[1], THEIRS[1]))
    for one, another in ((0, 1), (0, 2), (1, 2)):
        assert (ours[one] == ours[another]) is (theirs[one] == theirs[another])
        assert (hash(ours[one]) == hash(ours[another])) >= (ours[one] == ours[another])
    assert ours[0] != theirs[0]
    assert ours[0] != name


def test_a_list_that_is_a_default_is_each_objects_own():
    one, other = OURS[1]("a"), OURS[1]("a")
    one.seen.append("x")
    assert other.seen == []


@pytest.mark.parametrize("made", [OURS, THEIRS], ids=["ours", "the standard library's"])
def test_nothing_can_be_set_or_deleted(made):
    one = made[0]("a")
    with pytest.raises(dataclasses.FrozenInstanceError, match="cannot assign to field 'name'"):
        one.name = "b"
    with pytest.raises(dataclasses.FrozenInstanceError, match="cannot delete field 'name'"):
        del one.name
    with pytest.raises((AttributeError, TypeError)):
        one.other = 1
    assert one.name == "a"


@pytest.mark.parametrize(("positional", "named"), [((), {}), (("a", (), "b"), {}), (("a",), {"nam": 1})])
def test_wrong_arguments_are_told_as_the_standard_library_tells_them(positional, named):
    said = []
    for made in (_made(dataclass), _made(dataclasses.dataclass)):
        with pytest.raises(TypeError) as raised:
            made[0](*positional, **named)
        said.append(str(raised.value))
    assert said[0] == said[1]


def test_a_copy_a_replacement_and_a_pickle_are_equal():
    one = Sent("a", 3)
    assert copy.deepcopy(one) == copy.copy(one) == pickle.loads(pickle.dumps(one)) == one  # noqa: S301 - our own
    assert dataclasses.replace(one, size=4) == Sent("a", 4)


def test_a_pattern_takes_it_apart():
    match Sent("a", 3):
        case Sent(name, size):
            assert (name, size) == ("a", 3)


def test_what_is_not_frozen_and_slotted_is_the_standard_librarys():
    @dataclass
    class Loose:
        name: str

    @dataclass(frozen=True, slots=True, order=True)
    class Ordered:
        size: int

    loose = Loose("a")
    loose.name = "b"
    assert loose == Loose("b")
    assert Ordered(1) < Ordered(2)
