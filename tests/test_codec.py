"""The value codec: every WIT type, through a real guest, in both directions.

`lab:shapes/roundtrip` gives back what it is given; `lab:shapes/through-host` passes it on to a Python
interface and gives back what that answers, so each value is lowered and lifted twice.
"""

import math
import threading

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import wasicloud_lab as wl
from wasicloud_lab.host.types import (
    EnumOf,
    FlagsOf,
    Function,
    Interface,
    ListOf,
    OptionOf,
    Prim,
    RecordOf,
    ResultOf,
    TupleOf,
    Type,
    VariantOf,
)  # fmt: skip
from wasicloud_lab.host.values import record_type, snake

LAB = wl.Lab()


@wl.interface("lab:shapes/host-side")
class HostSide:
    """Answers every function of the interface with its argument."""

    def __getattr__(self, name):
        return answer

    def swap_lines(self, a, b):
        return b, a


def answer(value):
    if isinstance(value, wl.Ok):
        return value.value
    if isinstance(value, wl.Err):
        raise value
    return value


LAB.provide(HostSide())
SHAPES = LAB.load("shapes")


def strategy(ty: Type):
    """Python values that fit a WIT type."""
    if isinstance(ty, Prim):
        if ty.name == "bool":
            return st.booleans()
        if ty.name == "char":
            return st.characters(exclude_categories=["Cs"])
        if ty.name == "string":
            return st.text(st.characters(exclude_categories=["Cs"]))
        if ty.name in ("f32", "f64"):
            return st.floats(width=int(ty.name[1:]), allow_nan=True)
        bits = int(ty.name[1:])
        return (
            st.integers(0, 2**bits - 1) if ty.name[0] == "u" else st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
        )
    if isinstance(ty, ListOf):
        return st.binary() if ty.element == Prim("u8") else st.lists(strategy(ty.element), max_size=20)
    if isinstance(ty, TupleOf):
        return st.tuples(*[strategy(part) for part in ty.elements])
    if isinstance(ty, RecordOf):
        make = record_type(tuple(name for name, _ in ty.fields))
        return st.builds(make, **{snake(name): strategy(part) for name, part in ty.fields})
    if isinstance(ty, VariantOf):
        return st.one_of(
            [
                st.just(wl.Variant(name)) if part is None else st.builds(wl.Variant, st.just(name), strategy(part))
                for name, part in ty.cases
            ]
        )
    if isinstance(ty, EnumOf):
        return st.sampled_from(ty.names)
    if isinstance(ty, FlagsOf):
        return st.frozensets(st.sampled_from(ty.names))
    if isinstance(ty, OptionOf):
        some = strategy(ty.content)
        return st.none() | (st.builds(wl.Some, some) if isinstance(ty.content, OptionOf) else some)
    assert isinstance(ty, ResultOf)
    ok = st.builds(wl.Ok, strategy(ty.ok) if ty.ok else st.none())
    err = st.builds(wl.Err, strategy(ty.err) if ty.err else st.none())
    return ok | err


def same(left, right):
    """Equality that takes one NaN for another and tells 0.0 from -0.0."""
    if isinstance(left, float) and isinstance(right, float):
        return (math.isnan(left) and math.isnan(right)) or (
            left == right and math.copysign(1, left) == math.copysign(1, right)
        )
    if type(left) is not type(right):
        return False
    if isinstance(left, (list, tuple)):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, (wl.Variant, wl.Ok, wl.Err, wl.Some)):
        return getattr(left, "tag", None) == getattr(right, "tag", None) and same(left.value, right.value)
    return left == right


def functions(interface):
    for name, item in SHAPES.world.exports.items():
        if isinstance(item, Interface) and name.startswith(f"lab:shapes/{interface}"):
            for function_name, ty in item.functions.items():
                if isinstance(ty, Function) and len(ty.params) == 1 and ty.params[0][1] == ty.result:
                    yield pytest.param(f"{name}#{function_name}", ty.result, id=f"{interface}-{function_name}")


ROUNDTRIPS = [*functions("roundtrip"), *functions("through-host")]


def outcome(function, value):
    """What a call gives, with a function's own result in the form it has inside other values."""
    if not isinstance(value, (wl.Ok, wl.Err)):
        return SHAPES.call(function, value)
    try:
        return wl.Ok(SHAPES.call(function, value))
    except wl.Err as error:
        return error


def test_every_kind_of_type_is_covered():
    kinds = {type(case.values[1]) for case in ROUNDTRIPS}
    assert kinds >= {Prim, ListOf, TupleOf, RecordOf, VariantOf, EnumOf, FlagsOf, OptionOf, ResultOf}
    assert len(ROUNDTRIPS) >= 60


@pytest.mark.parametrize(("function", "ty"), ROUNDTRIPS)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_values_survive_the_boundary(function, ty, data):
    value = data.draw(strategy(ty))
    assert same(outcome(function, value), value)


@pytest.mark.parametrize("size", [0, 1, 1023, 1024, 1025, 70_000, 1 << 20])
def test_bytes_of_any_length(size):
    value = bytes(range(256)) * (size // 256) + bytes(range(size % 256))
    assert call_id(ListOf(Prim("u8")), value) == value


def test_a_million_integers():
    value = list(range(1_000_000))
    assert call_id(ListOf(Prim("u32")), value) == value


def call_id(ty, value):
    for case in ROUNDTRIPS:
        if case.values[1] == ty:
            return outcome(case.values[0], value)
    raise AssertionError(f"no function takes {ty}")


def type_of(kind, *, accept=lambda ty: True):
    return next(case.values[1] for case in ROUNDTRIPS if isinstance(case.values[1], kind) and accept(case.values[1]))


@pytest.mark.parametrize("form", [bytearray, memoryview, list, tuple])
def test_anything_like_bytes_is_accepted(form):
    assert call_id(ListOf(Prim("u8")), form(b"abc")) == b"abc"


def test_records_are_accepted_as_mappings():
    ty = type_of(RecordOf, accept=lambda ty: all(isinstance(part, Prim) for _, part in ty.fields))
    values = {"bool": True, "char": "c", "string": "text", "f32": 1.5, "f64": 2.5}
    by_name = {name: values.get(part.name, 7) for name, part in ty.fields}
    assert call_id(ty, by_name)._asdict() == {snake(name): value for name, value in by_name.items()}
    assert (
        call_id(ty, {snake(name): value for name, value in by_name.items()})._asdict() == call_id(ty, by_name)._asdict()
    )


def test_nested_options_are_told_apart():
    ty = type_of(OptionOf, accept=lambda ty: isinstance(ty.content, OptionOf))
    for value in (None, wl.Some(None), wl.Some(7)):
        assert call_id(ty, value) == value


def test_results_are_returned_or_raised():
    assert SHAPES.call("greet", "Ada") == "Hello, Ada!" or "Ada" in SHAPES.call("greet", "Ada")
    with pytest.raises(wl.Err) as caught:
        SHAPES.call("fail", "no luck")
    assert "no luck" in caught.value.value


def test_variants_have_one_form_whatever_their_payloads():
    for case in ROUNDTRIPS:
        ty = case.values[1]
        if isinstance(ty, VariantOf):
            for name, part in ty.cases:
                if part is None:
                    assert outcome(case.values[0], wl.Variant(name)) == wl.Variant(name)
                    assert outcome(case.values[0], name) == wl.Variant(name)


MISFITS = [
    (Prim("u8"), 256), (Prim("u8"), -1), (Prim("s8"), 128), (Prim("u64"), 2**64), (Prim("s64"), -(2**63) - 1),
    (Prim("u32"), "7"), (Prim("u32"), 1.5), (Prim("u32"), None), (Prim("bool"), 1), (Prim("bool"), "yes"),
    (Prim("char"), ""), (Prim("char"), "ab"), (Prim("char"), "\ud800"), (Prim("string"), 7), (Prim("string"), b"x"),
    (Prim("f64"), "1"), (ListOf(Prim("u8")), 7), (ListOf(Prim("u8")), "text"), (ListOf(Prim("u8")), [256]),
    (ListOf(Prim("u32")), [1, -1]), (ListOf(Prim("string")), "text"), (ListOf(Prim("string")), ["a", 1]),
]  # fmt: skip


@pytest.mark.parametrize(("ty", "value"), MISFITS)
def test_a_value_that_does_not_fit_is_a_type_error(ty, value):
    with pytest.raises((TypeError, ValueError)):
        call_id(ty, value)
    assert call_id(Prim("u32"), 7) == 7


@pytest.mark.parametrize("kind", [VariantOf, EnumOf, FlagsOf, RecordOf, TupleOf, ResultOf])
def test_a_value_of_another_shape_is_a_type_error(kind):
    for value in ("no-such-case", 7, {"no": "field"}, ["no-such-flag"], (1, 2, 3, 4, 5, 6, 7, 8, 9)):
        with pytest.raises(TypeError):
            call_id(type_of(kind), value)


def test_many_threads_convert_at_once():
    wrong = []

    def work(number):
        for n in range(200):
            value = f"{number}-{n}-" + "ü" * n
            if call_id(Prim("string"), value) != value or call_id(ListOf(Prim("u8")), value.encode()) != value.encode():
                wrong.append(value)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
