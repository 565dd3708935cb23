"""Interfaces as Python classes, plugged into a component's imports by name and version."""

from __future__ import annotations

from typing import Any

import pytest

import wasicloud_lab as wl


def guest(name: str, functions: str = '(export "answer" (func (result u32)))') -> bytes:
    """A guest that imports one interface with a function `answer` and exports `ask`, which calls it."""
    return f"""
    (component
      (import "{name}" (instance $i {functions}))
      (core func $answer (canon lower (func $i "answer")))
      (core module $guest
        (import "h" "answer" (func $answer (result i32)))
        (func (export "ask") (result i32) (call $answer)))
      (core instance $g (instantiate $guest (with "h" (instance (export "answer" (func $answer))))))
      (func (export "ask") (result u32) (canon lift (core func $g "ask"))))""".encode()


def answering(*names: str, answer: int = 42) -> Any:
    """An object that serves `answer` under some names."""

    @wl.interface(*names)
    class Answers:
        def answer(self) -> int:
            return answer

    return Answers()


# --- names and versions ------------------------------------------------------------------------------


def test_what_was_provided_before_is_there_for_a_load(own_lab: wl.Lab) -> None:
    own_lab.provide(answering("acme:deep/thought@0.1.0"))
    assert own_lab.load(guest("acme:deep/thought@0.1.0")).call("ask") == 42


def test_what_is_provided_later_reaches_a_loaded_app(own_lab: wl.Lab) -> None:
    app = own_lab.load(guest("acme:deep/thought@0.1.0"))
    with pytest.raises(wl.GuestTrap, match=r"acme:deep/thought@0\.1\.0#answer, which nothing provides"):
        app.call("ask")
    own_lab.provide(answering("acme:deep/thought@0.1.0"))
    assert app.call("ask") == 42


def test_the_last_one_provided_counts(own_lab: wl.Lab) -> None:
    app = own_lab.load(guest("acme:deep/thought@0.1.0"))
    for n in range(3):
        own_lab.provide(answering("acme:deep/thought@0.1.0", answer=n))
        assert app.call("ask") == n


def test_a_provider_can_be_for_one_app_alone(own_lab: wl.Lab) -> None:
    own_lab.provide(answering("acme:deep/thought@0.1.0", answer=1))
    mine = own_lab.load(guest("acme:deep/thought@0.1.0"), name="mine", providers=[answering("acme:deep/thought@0.1.0")])
    other = own_lab.load(guest("acme:deep/thought@0.1.0"), name="other")
    assert (mine.call("ask"), other.call("ask")) == (42, 1)


def test_a_lab_s_own_interface_can_be_replaced(own_lab: wl.Lab) -> None:
    @wl.interface("wasi:config/store@0.2.0-rc.1")
    class Config:
        def get(self, key: str) -> str:
            return f"the value of {key}"

        def get_all(self) -> list:  # type: ignore[type-arg]
            return []

    own_lab.provide(Config())
    assert own_lab.load("echo").get("/config?key=colour").text == "the value of colour\n"


@pytest.mark.parametrize(
    ("provided", "wanted", "fits"),
    [
        ("0.2.0", "0.2.0", True),
        ("0.2.0", "0.2.12", True),
        ("0.2.12", "0.2.0", True),
        ("0.2.0", "0.3.0", False),
        ("0.0.1", "0.0.1", True),
        ("0.0.1", "0.0.2", False),
        ("1.0.0", "1.7.3", True),
        ("1.0.0", "2.0.0", False),
        ("0.2.0-draft", "0.2.0-draft", True),
        ("0.2.0-draft", "0.2.0-draft2", False),
        ("0.2.0-draft", "0.2.0", False),
        ("0.2.0", "0.2.0-draft", False),
        ("0.1.0", None, False),
        (None, None, True),
        (None, "0.1.0", False),
    ],
)
def test_versions_on_one_track_serve_each_other(
    own_lab: wl.Lab, provided: str | None, wanted: str | None, fits: bool
) -> None:
    def name(version: str | None) -> str:
        return "acme:deep/thought" + (f"@{version}" if version else "")

    own_lab.provide(answering(name(provided)))
    app = own_lab.load(guest(name(wanted)))
    if fits:
        assert app.call("ask") == 42
    else:
        with pytest.raises(wl.GuestTrap, match="which nothing provides"):
            app.call("ask")


def test_one_class_serves_several_names(own_lab: wl.Lab) -> None:
    own_lab.provide(answering("acme:deep/thought@0.1.0", "acme:deep/thought@0.2.0-draft", "other:one/thinker"))
    for name in ("acme:deep/thought@0.1.3", "acme:deep/thought@0.2.0-draft", "other:one/thinker"):
        assert own_lab.load(guest(name)).call("ask") == 42


@pytest.mark.parametrize(
    "name", ["", "thought", "acme:thought", "acme:deep/thought@", "Acme:deep/thought", "a:b/c@1@2"]
)
def test_a_name_that_is_none_is_refused_where_it_is_written(name: str) -> None:
    with pytest.raises(ValueError, match="not the name of an interface"):
        wl.interface(name)


def test_an_interface_needs_a_name() -> None:
    with pytest.raises(ValueError, match="needs a name"):
        wl.interface()


# --- plain functions ---------------------------------------------------------------------------------

ADDER = b"""
(component
  (import "add-up" (func $add (param "a" u32) (param "b" u32) (result u32)))
  (core func $add (canon lower (func $add)))
  (core module $guest
    (import "h" "add" (func $add (param i32 i32) (result i32)))
    (func (export "twice") (param i32) (result i32) (call $add (local.get 0) (local.get 0))))
  (core instance $g (instantiate $guest (with "h" (instance (export "add" (func $add))))))
  (func (export "twice") (param "n" u32) (result u32) (canon lift (core func $g "twice"))))
"""


def test_a_plain_function_is_provided_by_its_name(own_lab: wl.Lab) -> None:
    own_lab.provide(add_up=lambda a, b: a + b)
    assert own_lab.load(ADDER).call("twice", 21) == 42


def test_a_plain_function_that_nobody_provides_traps_with_its_name(own_lab: wl.Lab) -> None:
    app = own_lab.load(ADDER)
    with pytest.raises(wl.GuestTrap, match="the guest called add-up, which nothing provides") as caught:
        app.call("twice", 1)
    assert "lab.provide(add_up=" in caught.value.message


def test_a_plain_function_of_another_shape_is_a_link_error(own_lab: wl.Lab) -> None:
    own_lab.provide(add_up=lambda a: a)
    with pytest.raises(wl.LinkError, match=r"add-up with 2 argument\(s\) \(a, b\), but .*add_up"):
        own_lab.load(ADDER)


# --- what does not fit -------------------------------------------------------------------------------


def shaped(**functions: Any) -> Any:
    """An object that serves acme:deep/thought with these functions."""
    return wl.interface("acme:deep/thought@0.1.0")(type("Shaped", (), functions))()


TAKING = b"""(component
  (import "acme:deep/thought@0.1.0" (instance
    (export "get-one" (func (param "the-key" string) (result (result u32 (error string)))))
    (export "both" (func (param "a" (list u8)) (param "b" bool))))))"""


def get_one(self: Any, key: str) -> int:
    return len(key)


def both(self: Any, a: bytes, b: bool) -> None:
    pass


def test_what_fits_loads(own_lab: wl.Lab) -> None:
    own_lab.provide(shaped(get_one=get_one, both=both))
    assert own_lab.load(TAKING, name="taking").wiring == {"acme:deep/thought@0.1.0": "Shaped"}


def test_a_missing_function_is_named_with_what_the_guest_wants(own_lab: wl.Lab) -> None:
    own_lab.provide(shaped(both=both))
    wanted = r"calls acme:deep/thought@0\.1\.0#get-one\(the-key\), but Shaped has no 'get_one'"
    with pytest.raises(wl.LinkError, match=wanted):
        own_lab.load(TAKING)


@pytest.mark.parametrize(
    ("there", "shown"),
    [
        (lambda self: 1, r"\(\)"),
        (lambda self, key, more: 1, r"\(key, more\)"),
        (lambda self, *, the_key: 1, r"\(\*, the_key\)"),
    ],
    ids=["too few", "too many", "keyword only"],
)
def test_another_number_of_arguments_is_a_link_error_that_shows_both(own_lab: wl.Lab, there: Any, shown: str) -> None:
    own_lab.provide(shaped(get_one=there, both=both))
    with pytest.raises(wl.LinkError, match=r"#get-one with 1 argument\(s\) \(the-key\), but Shaped has .*" + shown):
        own_lab.load(TAKING)


@pytest.mark.parametrize("there", [lambda self, *rest: 1, lambda self, key, more=0: 1, lambda *rest: 1])
def test_what_can_be_called_so_fits(own_lab: wl.Lab, there: Any) -> None:
    own_lab.provide(shaped(get_one=there, both=both))
    assert own_lab.load(TAKING, name="taking").name == "taking"


def wrong_parameter(self: Any, key: int) -> int:
    return key


def wrong_result(self: Any, key: str) -> str:
    return key


def list_for_bool(self: Any, a: bytes, b: list[int]) -> None:
    pass


@pytest.mark.parametrize(
    ("functions", "said"),
    [
        ({"get_one": wrong_parameter}, "#get-one passes 'the-key' as str, but Shaped takes 'key' as int"),
        ({"get_one": wrong_result}, "#get-one returns a value as int, but Shaped returns it as str"),
        ({"both": list_for_bool}, "#both passes 'b' as bool, but Shaped takes 'b' as list"),
    ],
    ids=["parameter", "result", "generic"],
)
def test_an_annotation_of_another_type_is_a_link_error_that_names_both(
    own_lab: wl.Lab, functions: dict[str, Any], said: str
) -> None:
    own_lab.provide(shaped(**{"get_one": get_one, "both": both, **functions}))
    with pytest.raises(wl.LinkError) as caught:
        own_lab.load(TAKING)
    assert said in str(caught.value)


def test_a_provide_that_does_not_fit_changes_nothing(own_lab: wl.Lab) -> None:
    app = own_lab.load(guest("acme:deep/thought@0.1.0"))
    own_lab.provide(answering("acme:deep/thought@0.1.0"))
    with pytest.raises(wl.LinkError, match="has no 'answer'"):
        own_lab.provide(answering("acme:other/one"), shaped(reply=lambda self: 1), answer=lambda: 2)
    assert app.call("ask") == 42
    assert own_lab.load(guest("acme:deep/thought@0.1.0"), name="later").call("ask") == 42
    with pytest.raises(wl.GuestTrap):
        own_lab.load(guest("acme:other/one"), name="another").call("ask")


def test_what_is_no_function_is_refused(own_lab: wl.Lab) -> None:
    tiny = own_lab.load("tiny")
    with pytest.raises(wl.LinkError, match=r"to=.* is no function .* lab.load\(…, providers="):
        own_lab.provide(to=tiny)


@pytest.mark.parametrize("given", [object(), "text", answering], ids=["object", "text", "function"])
def test_what_names_no_interface_is_refused(own_lab: wl.Lab, given: object) -> None:
    with pytest.raises(wl.LinkError, match=r"names no interface: decorate its class with @wl.interface"):
        own_lab.provide(given)


def test_a_class_in_place_of_an_object_is_refused(own_lab: wl.Lab) -> None:
    with pytest.raises(wl.LinkError, match=r"provide an object, not the class: lab\.provide\(Answers\(\)\)"):
        own_lab.provide(type(answering("acme:deep/thought@0.1.0")))


def test_a_resource_without_a_class_is_a_link_error(own_lab: wl.Lab) -> None:
    @wl.interface("lab:shapes/ticketing")
    class Ticketing:
        def inspect(self, ticket: Any) -> str:
            return ""

        def redeem(self, ticket: Any) -> str:
            return ""

    own_lab.provide(Ticketing())
    with pytest.raises(
        wl.LinkError, match="Ticketing serves lab:shapes/ticketing but has no class for its resource 'ticket'"
    ):
        own_lab.load("shapes")


# --- exceptions --------------------------------------------------------------------------------------

FALLIBLE = b"""
(component
  (import "acme:deep/thought@0.1.0" (instance $i
    (export "try-it" (func (param "n" u32) (result (result u32 (error u32)))))))
  (core module $memory (memory (export "memory") 1))
  (core instance $m (instantiate $memory))
  (alias core export $m "memory" (core memory $mem))
  (core func $try (canon lower (func $i "try-it") (memory $mem)))
  (core module $guest
    (import "h" "try" (func $try (param i32 i32)))
    (import "h" "memory" (memory 1))
    ;; 1000 and the payload for an error, the payload alone otherwise
    (func (export "go") (param i32) (result i32)
      (call $try (local.get 0) (i32.const 8))
      (i32.add (i32.mul (i32.load8_u (i32.const 8)) (i32.const 1000)) (i32.load (i32.const 12)))))
  (core instance $g (instantiate $guest
    (with "h" (instance (export "try" (func $try)) (export "memory" (memory $mem))))))
  (func (export "go") (param "n" u32) (result u32) (canon lift (core func $g "go"))))
"""


class Odd(Exception):
    """An exception of the host's own."""


def fallible(lab: wl.Lab) -> wl.App:
    def try_it(self: Any, n: int) -> int:
        if n == 1:
            raise wl.Err(7)
        if n == 2:
            raise Odd("the host's own words", n)
        return 5

    return lab.load(FALLIBLE, name="fallible", providers=[shaped(try_it=try_it)])


def test_a_returned_value_is_the_ok_case(own_lab: wl.Lab) -> None:
    assert fallible(own_lab).call("go", 0) == 5


def test_a_raised_err_becomes_the_guest_s_error(own_lab: wl.Lab) -> None:
    assert fallible(own_lab).call("go", 1) == 1007


def test_any_other_exception_reaches_the_caller_unchanged(own_lab: wl.Lab) -> None:
    app = fallible(own_lab)
    with pytest.raises(Odd) as caught:
        app.call("go", 2)
    assert caught.value.args == ("the host's own words", 2)
    assert caught.traceback[-1].name == "try_it"
    assert app.call("go", 0) == 5


def test_an_err_where_the_guest_expects_no_result_reaches_the_caller(own_lab: wl.Lab) -> None:
    def answer(self: Any) -> int:
        raise wl.Err("nothing takes it")

    app = own_lab.load(guest("acme:deep/thought@0.1.0"), providers=[shaped(answer=answer)])
    with pytest.raises(wl.Err, match="nothing takes it"):
        app.call("ask")


def test_an_answer_of_another_type_reaches_the_caller_as_a_type_error(own_lab: wl.Lab) -> None:
    app = own_lab.load(guest("acme:deep/thought@0.1.0"), providers=[shaped(answer=lambda self: "many")])
    with pytest.raises(TypeError, match=r"u32.*'many'"):
        app.call("ask")


# --- values through the host -------------------------------------------------------------------------


class HostSide:
    """lab:shapes/host-side, whatever the function: the value back."""

    wit_names = wl.interface("lab:shapes/host-side")(type("Names", (), {})).wit_names

    def __getattr__(self, name: str) -> Any:
        if name == "swap_lines":
            return lambda a, b: (b, a)
        if name.startswith("id_"):
            return lambda v: v
        raise AttributeError(name)


@pytest.mark.parametrize(
    ("function", "value"),
    [
        ("id-string", "Zoë 🐹"),
        ("id-bytes", bytes(range(256)) * 300),
        ("id-option-option", wl.Some(None)),
        ("id-nested-list", [b"", b"x"]),
        ("id-shape", wl.Variant("label", "x")),
        ("id-access", frozenset({"read", "run"})),
        ("id-colours", ["red", "blue"]),
        ("id-signal", wl.Variant("go")),
    ],
)
def test_values_pass_through_a_host_interface(own_lab: wl.Lab, function: str, value: Any) -> None:
    app = own_lab.load("shapes", providers=[HostSide()])
    assert app.call(f"lab:shapes/through-host#{function}", value) == value


def test_a_record_passes_through_a_host_interface(own_lab: wl.Lab) -> None:
    app = own_lab.load("shapes", providers=[HostSide()])
    assert app.call("lab:shapes/through-host#id-point", {"x": 3, "y": -4}) == (3, -4)
