"""What an app exports beside a handler: plain functions, and resources of the guest's."""

from __future__ import annotations

import pytest

import wasicloud_lab as wl


def test_call_calls_a_plain_export(shapes: wl.App) -> None:
    assert shapes.call("add", 20, 22) == 42
    assert shapes.call("greet", "Zoë 🐹") == "Hello, Zoë 🐹!"
    assert shapes.call("noop") is None


def test_the_err_of_a_result_is_raised(shapes: wl.App) -> None:
    with pytest.raises(wl.Err) as caught:
        shapes.call("fail", "not today")
    assert caught.value.value == "not today"


@pytest.mark.parametrize("name", ["lab:shapes/roundtrip#id-string", "lab:shapes/roundtrip#id_string"])
def test_an_interface_names_a_function_that_others_have_too(shapes: wl.App, name: str) -> None:
    assert shapes.call(name, "x") == "x"


def test_a_function_that_several_interfaces_have_needs_one_named(shapes: wl.App) -> None:
    with pytest.raises(wl.LinkError, match=r"several functions 'id-string'.*lab:shapes/through-host#id-string"):
        shapes.call("id-string", "x")


def test_an_unknown_function_lists_what_there_is(shapes: wl.App) -> None:
    with pytest.raises(wl.LinkError, match=r"exports no function 'substract'; it exports .*add"):
        shapes.call("substract", 1, 2)


@pytest.mark.parametrize("arguments", [(1,), (1, 2, 3), ("1", 2), (-1, 2), (1.5, 2), (2**32, 0)])
def test_arguments_that_do_not_fit_are_a_type_error(shapes: wl.App, arguments: tuple[object, ...]) -> None:
    with pytest.raises(TypeError):
        shapes.call("add", *arguments)
    assert shapes.call("add", 1, 1) == 2


def test_a_trap_in_a_call_carries_its_reason(shapes: wl.App) -> None:
    with pytest.raises(wl.GuestTrap, match="shapes trapped"):
        shapes.call("divide", 1, 0)
    assert shapes.call("divide", 7, 2) == 3


def test_a_component_without_a_handler_says_so_for_a_request(shapes: wl.App) -> None:
    with pytest.raises(wl.LinkError, match=r"exports no wasi:http/incoming-handler.*lab:shapes/roundtrip"):
        shapes.get("/")


def test_an_instance_keeps_guest_resources(shapes: wl.App) -> None:
    with shapes.instance() as i:
        counter = i.call("[constructor]counter", 5)
        assert i.call("[method]counter.increment", counter) == 6
        assert i.call("[method]counter.value", counter) == 6
        other = i.call("[constructor]counter", 10)
        assert i.call("total", [counter, other]) == 16


def test_a_guest_resource_given_away_is_gone(shapes: wl.App) -> None:
    with shapes.instance() as i:
        one, two = i.call("[constructor]counter", 1), i.call("[constructor]counter", 2)
        merged = i.call("[static]counter.merge", one, two)
        assert i.call("[method]counter.value", merged) == 3
        with pytest.raises(ValueError, match="already been dropped or given away"):
            i.call("[method]counter.value", one)


def test_a_dropped_guest_resource_is_gone(shapes: wl.App) -> None:
    with shapes.instance() as i:
        counter = i.call("[constructor]counter", 1)
        counter.drop()
        counter.drop()
        with pytest.raises(ValueError, match="already been dropped or given away"):
            i.call("[method]counter.value", counter)
        assert "dropped" in repr(counter)


def test_a_resource_of_another_instance_is_refused(shapes: wl.App) -> None:
    with shapes.instance() as one, shapes.instance() as two:
        counter = one.call("[constructor]counter", 1)
        with pytest.raises(ValueError, match="belongs to another instance"):
            two.call("[method]counter.value", counter)
        assert one.call("[method]counter.value", counter) == 1
