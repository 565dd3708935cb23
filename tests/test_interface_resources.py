"""Resources that a Python interface gives to a guest: made, lent, given, dropped."""

from __future__ import annotations

from typing import Any

import pytest

import wasicloud_lab as wl


class Odd(Exception):
    """No error of WASI's."""


def ticketing() -> Any:
    """A Python side for lab:shapes/ticketing that remembers what happened to its tickets."""

    @wl.interface("lab:shapes/ticketing")
    class Ticketing:
        made: list[str] = []  # noqa: RUF012
        dropped: list[str] = []  # noqa: RUF012
        kept: list[Any] = []  # noqa: RUF012

        class Ticket:
            def __init__(self, name: str) -> None:
                self.label = name
                Ticketing.made.append(name)

            def name(self) -> str:
                return self.label

            @staticmethod
            def copy(original: Any) -> Any:
                return Ticketing.Ticket(original.label + "'")

            def drop(self) -> None:
                Ticketing.dropped.append(self.label)

        def inspect(self, ticket: Any) -> str:
            return f"seen {ticket.label}"

        def redeem(self, ticket: Any) -> str:
            self.kept.append(ticket)
            return f"redeemed {ticket.label}"

    return Ticketing()


@pytest.fixture
def office() -> Any:
    """The host's ticket office."""
    return ticketing()


@pytest.fixture
def tickets(own_lab: wl.Lab, office: Any) -> wl.App:
    """shapes, with the ticket office plugged in."""
    own_lab.provide(office)
    return own_lab.load("shapes")


def test_constructor_method_and_drop_are_the_class_s_own(tickets: wl.App, office: Any) -> None:
    assert tickets.call("make-and-drop", "one") == "one"
    assert (office.made, office.dropped) == (["one"], ["one"])


def test_static_lent_and_given_resources_are_python_objects(tickets: wl.App, office: Any) -> None:
    assert tickets.call("tour", "t") == ["t", "t'", "seen t", "redeemed t'"]
    assert [ticket.label for ticket in office.kept] == ["t'"]
    assert office.dropped == ["t"]  # the one that was redeemed belongs to the host now


def test_a_ticket_the_guest_hands_out_is_the_object_itself(tickets: wl.App, office: Any) -> None:
    ticket = tickets.call("issue", "vip")
    assert isinstance(ticket, office.Ticket)
    assert (ticket.label, office.dropped) == ("vip", [])


def test_a_ticket_that_is_lent_stays_the_caller_s(tickets: wl.App, office: Any) -> None:
    ticket = office.Ticket("mine")
    assert tickets.call("peek", ticket) == "mine"
    assert office.dropped == []


def test_a_ticket_that_is_given_is_dropped_by_the_guest(tickets: wl.App, office: Any) -> None:
    assert tickets.call("take", office.Ticket("yours")) == "yours"
    assert office.dropped == ["yours"]


def test_of_two_given_one_comes_back_as_the_same_object(tickets: wl.App, office: Any) -> None:
    one, two = office.Ticket("one"), office.Ticket("two")
    assert tickets.call("choose", one, two) is two
    assert office.dropped == ["one"]


def test_an_object_of_a_subclass_passes_too(tickets: wl.App, office: Any) -> None:
    golden = type("Golden", (office.Ticket,), {})("golden")
    assert tickets.call("choose", office.Ticket("plain"), golden) is golden


@pytest.mark.parametrize("given", [object(), None, 5, "ticket"])
def test_what_is_no_resource_is_a_type_error(tickets: wl.App, given: object) -> None:
    with pytest.raises(TypeError, match="not a resource"):
        tickets.call("peek", given)
    assert tickets.call("make-and-drop", "next") == "next"


def test_a_resource_of_another_class_is_refused(tickets: wl.App) -> None:
    stranger = ticketing().Ticket("elsewhere")
    other = wl.resource(type("Other", (), {}))()
    for given in (stranger, other):
        with pytest.raises(TypeError, match="resource"):
            tickets.call("peek", given)
    assert tickets.call("make-and-drop", "next") == "next"


def test_an_exception_in_a_drop_reaches_the_caller(own_lab: wl.Lab) -> None:
    office = ticketing()

    def drop(self: Any) -> None:
        raise Odd("not so fast")

    office.Ticket.drop = drop
    app = own_lab.load("shapes", providers=[office])
    with pytest.raises(Odd, match="not so fast"):
        app.call("make-and-drop", "one")


def test_handles_do_not_pile_up(tickets: wl.App, office: Any) -> None:
    with tickets.pool.instance() as instance:
        tour = tickets.pool.export("tour")
        for _ in range(100):
            instance.call(tour, ("t",))
            instance.call(tickets.pool.export("peek"), (office.Ticket("lent"),))
        assert len(instance.state.handles) == 0


def test_resources_still_in_use_are_dropped_with_their_instance(own_lab: wl.Lab) -> None:
    office = ticketing()
    app = own_lab.load(LEAKER, name="leaker", providers=[office])
    app.call("leak")
    assert office.dropped == []
    own_lab.close()
    assert office.dropped == ["x"]


LEAKER = b"""
(component
  (import "lab:shapes/ticketing" (instance $i
    (export "ticket" (type $ticket (sub resource)))
    (export "[constructor]ticket" (func (param "name" string) (result (own $ticket))))))
  (core module $memory (memory (export "memory") 1) (data (i32.const 0) "x"))
  (core instance $m (instantiate $memory))
  (alias core export $m "memory" (core memory $mem))
  (core func $make (canon lower (func $i "[constructor]ticket") (memory $mem)))
  (core module $guest
    (import "h" "make" (func $make (param i32 i32) (result i32)))
    (func (export "leak") (drop (call $make (i32.const 0) (i32.const 1)))))
  (core instance $g (instantiate $guest (with "h" (instance (export "make" (func $make))))))
  (func (export "leak") (canon lift (core func $g "leak"))))
"""


def test_an_instance_that_leaks_handles_is_replaced_in_the_end(own_lab: wl.Lab) -> None:
    office = ticketing()
    app = own_lab.load(LEAKER, name="leaker", providers=[office])
    for _ in range(10_050):
        app.call("leak")
    assert app.pool.made == 2
    assert len(office.dropped) > 10_000
