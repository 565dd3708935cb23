//! Every kind of value, back and forth: for trying a host's calls from outside (`roundtrip`),
//! from inside (`through-host`), and resources that live on either side.

wit_bindgen::generate!({
    path: "../../wit/worlds/shapes.wit",
    world: "lab:shapes/shapes",
    generate_all,
});

use std::cell::Cell;

use exports::lab::shapes::counting::{self, CounterBorrow};
use exports::lab::shapes::{roundtrip, through_host, tickets};
use lab::shapes::host_side;
use lab::shapes::ticketing::{self, Ticket};
use lab::shapes::types::{Access, Colour, Line, Many, Point, Shape, Signal};

struct Shapes;

export!(Shapes);

impl Guest for Shapes {
    fn add(a: u32, b: u32) -> u32 {
        a.wrapping_add(b)
    }

    fn greet(name: String) -> String {
        format!("Hello, {name}!")
    }

    fn fail(message: String) -> Result<u32, String> {
        Err(message)
    }

    fn divide(a: i32, b: i32) -> i32 {
        a / b
    }

    fn noop() {}
}

/// Writes each function twice: handing its value straight back, and asking the host to.
/// After the `=` stands how the value is lent to the host.
macro_rules! identities {
    ($($name:ident($value:ident: $type:ty) = $lent:expr;)*) => {
        impl roundtrip::Guest for Shapes {
            $(fn $name($value: $type) -> $type {
                $value
            })*

            fn swap_lines(a: Line, b: Line) -> (Line, Line) {
                (b, a)
            }
        }

        impl through_host::Guest for Shapes {
            $(fn $name($value: $type) -> $type {
                host_side::$name($lent)
            })*

            fn swap_lines(a: Line, b: Line) -> (Line, Line) {
                host_side::swap_lines(&a, &b)
            }
        }
    };
}

identities! {
    id_bool(v: bool) = v;
    id_s8(v: i8) = v;
    id_u8(v: u8) = v;
    id_s16(v: i16) = v;
    id_u16(v: u16) = v;
    id_s32(v: i32) = v;
    id_u32(v: u32) = v;
    id_s64(v: i64) = v;
    id_u64(v: u64) = v;
    id_f32(v: f32) = v;
    id_f64(v: f64) = v;
    id_char(v: char) = v;
    id_string(v: String) = &v;
    id_bytes(v: Vec<u8>) = &v;
    id_words(v: Vec<u32>) = &v;
    id_longs(v: Vec<i64>) = &v;
    id_doubles(v: Vec<f64>) = &v;
    id_bools(v: Vec<bool>) = &v;
    id_chars(v: Vec<char>) = &v;
    id_strings(v: Vec<String>) = &v;
    id_nested_list(v: Vec<Vec<u8>>) = &v;
    id_option_string(v: Option<String>) = v.as_deref();
    id_option_option(v: Option<Option<u32>>) = v;
    id_result(v: Result<u32, String>) = v.as_ref().map(|n| *n).map_err(String::as_str);
    id_result_empty(v: Result<(), ()>) = v;
    id_result_err_only(v: Result<(), String>) = v.as_ref().map(|_| ()).map_err(String::as_str);
    id_result_ok_only(v: Result<u32, ()>) = v;
    id_pair(v: (u8, String)) = (v.0, &v.1);
    id_mixed(v: (bool, i64, f32, char, Option<String>, Vec<u16>, Point)) =
        (v.0, v.1, v.2, v.3, v.4.as_deref(), &v.5, &v.6);
    id_point(v: Point) = v;
    id_line(v: Line) = &v;
    id_points(v: Vec<Point>) = &v;
    id_lines(v: Vec<Line>) = &v;
    id_shape(v: Shape) = &v;
    id_shapes(v: Vec<Shape>) = &v;
    id_signal(v: Signal) = v;
    id_colour(v: Colour) = v;
    id_colours(v: Vec<Colour>) = &v;
    id_access(v: Access) = v;
    id_many(v: Many) = v;
}

/// The state behind a `counter` handle.
struct Counter(Cell<u32>);

impl counting::GuestCounter for Counter {
    fn new(start: u32) -> Self {
        Counter(Cell::new(start))
    }

    fn value(&self) -> u32 {
        self.0.get()
    }

    fn increment(&self) -> u32 {
        self.0.set(self.0.get().wrapping_add(1));
        self.0.get()
    }

    fn merge(a: counting::Counter, b: counting::Counter) -> counting::Counter {
        let sum = a.get::<Counter>().value() + b.get::<Counter>().value();
        counting::Counter::new(Counter::new(sum))
    }
}

impl counting::Guest for Shapes {
    type Counter = Counter;

    fn total(counters: Vec<CounterBorrow<'_>>) -> u32 {
        counters.iter().map(|c| c.get::<Counter>().0.get()).sum()
    }
}

impl tickets::Guest for Shapes {
    fn make_and_drop(name: String) -> String {
        Ticket::new(&name).name()
    }

    fn tour(name: String) -> Vec<String> {
        let first = Ticket::new(&name);
        let second = Ticket::copy(&first);
        vec![first.name(), second.name(), ticketing::inspect(&first), ticketing::redeem(second)]
    }

    fn issue(name: String) -> Ticket {
        Ticket::new(&name)
    }

    fn take(ticket: Ticket) -> String {
        ticket.name()
    }

    fn peek(ticket: &Ticket) -> String {
        ticket.name()
    }

    fn choose(_a: Ticket, b: Ticket) -> Ticket {
        b
    }
}
