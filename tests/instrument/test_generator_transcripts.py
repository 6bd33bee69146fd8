# ruff: noqa: B904, PLR0912, PLR1708, PERF401 - what nobody should write is what is tried here
"""Any script of operations, applied to a bare generator and to a decorated one, gives the same transcript."""

import gc
import sys
import types
from dataclasses import dataclass

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from instrumented import broker_calls, described, faults

from gpt_trader_telemetry import Settings, Telemetry


class Thrown(Exception):
    """What a script throws in."""


class Raised(Exception):
    """What a generator raises of its own."""


REACTIONS = [
    "go on", "raise again", "raise other", "raise from it", "raise from None", "return", "yield", "yield twice",
    "stop", "stop async", "boom",
]  # fmt: skip


@dataclass(frozen=True)
class Step:
    """What a generator does at one ``yield``: how it takes an exception, and what it does at its end."""

    reaction: str
    final: str = "nothing"
    pauses: bool = False


steps = st.builds(Step, st.sampled_from(REACTIONS), st.sampled_from(["nothing", "yield", "raise"]), st.booleans())
programs = st.lists(steps, max_size=4)
operations = st.lists(
    st.sampled_from(["next", "send", "throw", "throw type", "exit", "stop", "stop async", "close", "throw in handler",
                     "send in handler", "cancel"]),
    max_size=8,
)  # fmt: skip
shapes = st.sampled_from(["timed", "scoped", "stacked"])


def thrown(operation: str, number: int) -> object:
    """Return what an operation throws."""
    if operation == "throw type":
        return Thrown
    kinds = {
        "exit": GeneratorExit,
        "stop": StopIteration,
        "stop async": StopAsyncIteration,
        "cancel": KeyboardInterrupt,
    }
    error = kinds.get(operation, Thrown)(number)
    error.add_note(f"note {number}")
    return error


def program_of(program: list[Step], log: list[object]):
    """Return a generator function that does what the program says and logs what reaches it."""

    def run(first):
        log.append(("began", first))
        for number, step in enumerate(program):
            try:
                log.append(("sent", (yield number)))
                if step.reaction == "boom":
                    raise Raised(number)
            except BaseException as error:
                log.append(("caught", described(error)))
                match step.reaction:
                    case "go on":
                        continue
                    case "return":
                        return ("returned", number)
                    case "raise other":
                        raise Raised(number)
                    case "raise from it":
                        raise Raised(number) from error
                    case "raise from None":
                        raise Raised(number) from None
                    case "stop":
                        raise StopIteration(number)
                    case "yield" | "yield twice":
                        for _ in range(1 + (step.reaction == "yield twice")):
                            log.append(("sent in handler", (yield ("in handler", number))))
                    case _:
                        raise
            finally:
                if step.final == "yield":
                    log.append(("sent in finally", (yield ("finally", number))))
                elif step.final == "raise":
                    raise Raised("finally", number)
        return ("end", len(program))

    return run


@types.coroutine
def pause(token):
    """Suspend up to whoever drives."""
    return (yield token)


def async_program_of(program: list[Step], log: list[object]):
    """The same for asynchronous generators, which pause beside."""

    async def run(first):
        log.append(("began", first))
        for number, step in enumerate(program):
            try:
                if step.pauses:
                    log.append(("woke", await pause(("paused", number))))
                log.append(("sent", (yield number)))
                if step.reaction == "boom":
                    raise Raised(number)
            except BaseException as error:
                log.append(("caught", described(error)))
                match step.reaction:
                    case "go on":
                        continue
                    case "return":
                        return
                    case "raise other":
                        raise Raised(number)
                    case "raise from it":
                        raise Raised(number) from error
                    case "raise from None":
                        raise Raised(number) from None
                    case "stop":
                        raise StopIteration(number)
                    case "stop async":
                        raise StopAsyncIteration(number)
                    case "yield" | "yield twice":
                        for _ in range(1 + (step.reaction == "yield twice")):
                            if step.pauses:
                                await pause(("paused in handler", number))
                            log.append(("sent in handler", (yield ("in handler", number))))
                    case _:
                        raise
            finally:
                if step.final == "yield":
                    log.append(("sent in finally", (yield ("finally", number))))
                elif step.final == "raise":
                    raise Raised("finally", number)

    return run


def outcome(act, *given):
    """Return what an operation gave, all that an exception carries included."""
    try:
        return ("gave", act(*given))
    except BaseException as error:
        return ("raised", described(error))


def in_handler(act, *given):
    """Do it while another exception is handled: that one becomes the context."""
    try:
        raise LookupError("the caller's")
    except LookupError:
        return outcome(act, *given)


def transcript(generator, script: list[str]) -> list[object]:
    """Apply the operations to a generator and write down what each gave."""
    lines: list[object] = []
    for number, operation in enumerate(script):
        do = in_handler if "handler" in operation else outcome
        if operation == "next":
            lines.append(do(next, generator))
        elif operation == "close":
            lines.append(do(generator.close))
        elif operation.startswith("send"):
            lines.append(do(generator.send, number))
        else:
            lines.append(do(generator.throw, thrown(operation, number)))
    return lines


def driven(awaitable, *, interrupt: bool):
    """Drive an awaitable by hand to its end; with ``interrupt``, throw into it where it first pauses."""
    steps = awaitable.__await__()
    pauses = []
    try:
        pauses.append(steps.send(None))
        if interrupt:
            pauses.append(steps.throw(KeyboardInterrupt("interrupted")))
        while True:
            pauses.append(steps.send(len(pauses)))
    except StopIteration as stop:
        return (stop.value, pauses)
    finally:
        del steps


def async_transcript(generator, script: list[str]) -> list[object]:
    """The same for an asynchronous generator; ``cancel`` interrupts it where it pauses."""
    lines: list[object] = []
    for number, operation in enumerate(script):
        do = in_handler if "handler" in operation else outcome
        if operation in {"next", "cancel"}:
            awaitable = generator.__anext__()
        elif operation == "close":
            awaitable = generator.aclose()
        elif operation.startswith("send"):
            awaitable = generator.asend(number)
        else:
            awaitable = generator.athrow(thrown(operation, number))
        lines.append(do(lambda: driven(awaitable, interrupt=operation == "cancel")))  # noqa: B023 - called at once
    return lines


@pytest.fixture(scope="module")
def decorators():
    """Decorators of each shape, one Telemetry for all examples."""
    with Telemetry(Settings()) as telemetry:
        yield from decorators_of(telemetry)


def decorators_of(telemetry):
    """Yield one decorator of each shape, and see at the end that nothing went wrong inside."""
    yield {
        "timed": telemetry.broker_call("x"),
        "scoped": telemetry.order_submission(side="buy"),
        "stacked": lambda function: telemetry.cycle()(telemetry.guard("y")(telemetry.broker_call("z")(function))),
    }
    assert faults(telemetry) == 0


def transcripts(write, make, decorate, program: list[Step], script: list[str]) -> list[object]:
    """Return the transcripts of a bare and of a decorated generator, each with what reached it."""
    pages = []
    for decorator in (lambda function: function, decorate):
        log: list[object] = []
        generator = decorator(make(program, log))("first")
        pages.append((write(generator, script), list(log)))
    return pages


@pytest.fixture
def refusing(monkeypatch: pytest.MonkeyPatch):
    """Some generators refuse to be closed; bare or decorated, the garbage collector would report them."""
    monkeypatch.setattr(sys, "unraisablehook", lambda _report: None)
    yield
    gc.collect()


@given(programs, operations, shapes)
@example([Step("go on")], ["next", "exit", "next"], "timed")
@example([Step("return")], ["next", "close", "next"], "timed")
@example([Step("yield")], ["next", "close", "throw", "close"], "timed")
@example([Step("yield", "yield")], ["next", "throw", "exit", "next", "close"], "scoped")
@settings(max_examples=400)
def test_generators_do_what_bare_ones_do(refusing, decorators, program, script, shape) -> None:
    """Results, exceptions with all they carry, and what reached the generator, in the same order."""
    bare, decorated = transcripts(transcript, program_of, decorators[shape], program, script)
    assert decorated == bare


@given(programs, operations, shapes)
@example([Step("go on")], ["next", "exit", "next"], "timed")
@example([Step("yield")], ["next", "close", "throw", "close"], "timed")
@example([Step("yield", pauses=True)], ["next", "cancel", "next", "close"], "timed")
@example([Step("stop async")], ["next", "throw"], "timed")
@settings(max_examples=400)
def test_asynchronous_generators_do_what_bare_ones_do(refusing, decorators, program, script, shape) -> None:
    """The same with asend, athrow and aclose, interrupted where they pause or not."""
    bare, decorated = transcripts(async_transcript, async_program_of, decorators[shape], program, script)
    assert decorated == bare


@given(programs, operations)
def test_an_iteration_counts_once_by_how_it_ended(telemetry, program, script) -> None:
    """Success where it returned, ``cancelled`` where it was left, else the failure that it raised; at most once."""
    before = broker_calls(telemetry)
    log: list[object] = []
    generator = telemetry.broker_call("x")(program_of(program, log))("first")
    lines = transcript(generator, script)
    while True:  # end one that refuses to
        try:
            generator.close()
        except RuntimeError:
            continue
        except Raised:
            pass
        break
    after = broker_calls(telemetry)
    grown = {key: after[key] - before.get(key, 0) for key in after if after[key] != before.get(key, 0)}
    assert sum(grown.values()) == log.count(("began", "first"))
    ends = [line[1] for line in lines if line[0] == "raised" and line[1][1] == (("end", len(program)),)]
    if ends and "exit" not in script:
        assert grown == {("success", "none"): 1}
