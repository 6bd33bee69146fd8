"""What statuses, error codes and messages say: tables, and how they are read.

Words come last of all evidence, since brokers echo requests and addresses in their messages.
"""

import re
from collections.abc import Iterable, Iterator
from enum import Enum
from itertools import islice

from gpt_trader_telemetry.reasons.dispositions import MAX_WORD

_STATUSES = {
    400: "invalid_order", 401: "auth", 403: "auth", 404: "not_found", 407: "auth", 408: "timeout",
    409: "invalid_order", 410: "not_found", 418: "rate_limit", 422: "invalid_order", 429: "rate_limit",
    451: "auth", 504: "timeout", 511: "auth",
}  # fmt: skip
_SERVER_ERRORS = range(500, 600)


def reason_of_status(status: object) -> str | None:
    """Return what an HTTP status tells, or None."""
    if not isinstance(status, int):
        return None
    return _STATUSES.get(status) or ("exchange_unavailable" if status in _SERVER_ERRORS else None)


CODE_ATTRIBUTES = (
    "new_order_failure_reason", "preview_failure_reason", "edit_failure_reason", "failure_reason",
    "error_code", "code", "error", "error_response", "errors", "body",
)  # fmt: skip
_FIELDS = frozenset(CODE_ATTRIBUTES) | {
    "errs", "errorCode", "err_code", "err-code", "error_details", "error_description", "error_message",
    "errorMessage", "errorMsg", "message", "msg", "retMsg", "ret_msg", "sMsg", "err_msg", "err-msg", "failMsg",
    "detail", "data", "result", "results",
}  # fmt: skip


def codes(found: object, depth: int = 4) -> Iterator[str]:
    """Find the texts in the error fields of a body, and nothing of the request that it may echo."""
    if isinstance(found, Enum):
        yield found.value if isinstance(found.value, str) else found.name
    elif isinstance(found, str):
        yield found
    elif isinstance(found, dict) and depth:
        for key in islice(found, 50):
            if key in _FIELDS:
                yield from codes(found[key], depth - 1)
    elif isinstance(found, list) and depth:
        for item in islice(found, len(_FIELDS)):
            yield from codes(item, depth - 1)


_MONEY = "(?:funds?|balances?|margin|buying power|collateral|equity|cash|assets?)"
_AMOUNTS = ("size", "quantity", "qty", "amount", "notional", "volume", "order value")
_AMOUNT = f"(?:{'|'.join(_AMOUNTS)})"
_FLAWED = ("invalid", "incorrect", "wrong", "illegal")
_LIMITS = (r"min(?:imum)?\.?", r"max(?:imum)?\.?")
_IS_BAD = (
    r"'?(?: (?:of )?[\d'$]\S{0,40}(?: [a-z]{2,10})?| of \S{1,40})?(?: value)?(?: is| was| has)?"
    " (?:too |below |under |above |less |great(?:er)? |lower |higher |exceed(?:s|ed|ing)? |must |should |can ?not "
    "|can't |out of |not in |not within |not increased |does not meet |breaching |deviates |triggered |precision"
    r"|increment|decimal|\w{0,7}scale|error|invalid)"
)
_IS_SHORT = " (?:is |are )?(?:too low|low|not enough|not sufficient|insufficient)"
_IS_DOWN = " (?:is )?(?:currently )?(?:busy|overloaded|error|exception|abnormal|upgrad(?:e|ing)|maintenance)"
_HALTED = "(?:closed|halted|suspended|disabled)"
# What brokers say, in the order in which it is looked for. Each phrase has plain letters near its start: to
# search for those first rules most of them out.
_PHRASES = (
    ("rate_limit", "rate ?limit(?:s|ed|ing)?", "too many (?:new )?(?:requests|visits)", "too many 429 error",
     "throttled", "request frequency", "access frequency", "too frequent(?:ly)?", "resource exhausted"),
    ("timeout", "timed out", "request timeout", "read timeout", "connection timeout", "gateway timeout",
     "server timeout", "deadline exceeded"),
    ("network", "connection (?:refused|reset|aborted|closed|lost|broken)", "connect call failed",
     "cannot connect to host", "failed to establish", "name or service not known", "name resolution",
     "network is unreachable", "no route to host", "broken pipe"),
    ("insufficient_funds", rf"insufficient (?:\w+ ){{0,3}}?{_MONEY}", rf"not enough (?:\w+ ){{0,3}}?{_MONEY}",
     rf"exceeds (?:\w+ ){{0,2}}?{_MONEY}",
     *(word + _IS_SHORT for word in ("funds", "balance", "margin", "buying power", "collateral", "equity"))),
    ("market_closed", f"market (?:is )?(?:currently )?{_HALTED}", f"trading (?:is )?(?:currently )?{_HALTED}",
     "trading pair (?:is )?(?:suspended|prohibited|not available|under maintenance|opening soon)",
     "contract (?:is )?(?:being )?(?:settling|settled|paused|suspended|expired)",
     "market in (?:post|cancel|limit) only mode", "no trading is allowed", "not available for trades",
     "order entry disabled", "untradable product", "not tradable", "book closed", "in delisting",
     "invalid symbol status", r"outside (?:\w+ )?trading hours", "trading session"),
    ("auth", "unauthorized", "unauthenticated", "authentication (?:failed|error)", "missing required scopes",
     r"invalid (?:\w+ )?(?:key|signature|nonce|token|scopes?|credentials)", "access denied"),
    ("exchange_unavailable", "service (?:is )?(?:temporarily |currently )?unavailable", "internal (?:server )?error",
     r"too many 5\d\d error", "bad gateway", "under(?:going)? maintenance", "scheduled maintenance"),
    ("not_found", r"order (?:\w+ ){0,5}?(?:not found|not exist)", "unknown (?:cancel )?order(?! type)",
     "no (?:such order|order found)"),
    ("post_only", "post only(?! not)", "would immediately (?:match|execute|fill|take)",
     "limit maker order is rejected"),
    ("invalid_price", "price" + _IS_BAD, *(f"{flaw} (?:limit |stop |order )?price" for flaw in _FLAWED),
     *(f"{limit} (?:order )?price" for limit in _LIMITS), "price filter", "percent price",
     "invalid arguments: ?price", "tick size", "would (?:trigger immediately|immediately trigger)",
     "will be triggered immediately"),
    ("invalid_size", *(word + _IS_BAD for word in _AMOUNTS), *(f"{flaw} (?:order )?{_AMOUNT}" for flaw in _FLAWED),
     *(f"{limit} (?:order |trade )?{_AMOUNT}" for limit in _LIMITS),
     "lot size", "step size", "order minimum", "cost minimum", "order funds should", "order total can ?not",
     "filter failure: notional", "invalid arguments: ?(?:volume|viqc)"),
)  # fmt: skip
# Of these it is sure only in a broker's answer that they are about the broker.
_ANSWER_PHRASES = (
    ("exchange_unavailable", *(word + _IS_DOWN for word in ("server", "system"))),
    ("not_found", "^not found$"),
    ("invalid_order", *(flaw + " (?:asset|symbol|currency|instrument|product)" for flaw in ("invalid", "unknown"))),
    ("broker_rejected", "eorder:", "order (?:is |was )?rejected"),
)  # fmt: skip
# In a code, which is no prose, single words tell as much.
_CODE_PHRASES = (
    ("timeout", "timeout"),
    ("network", "network(?: error)?$", "connection error"),
    ("auth", "auth$", "authentication", "permission denied", "forbidden", "missing (?:permission|credentials)"),
    ("exchange_unavailable", "unavailable$", "maintenance", "internal$", "server error"),
    ("not_found", "client id not found"),
    ("invalid_price", "price (?!book)", "(?<= )prices?$"),
    ("invalid_size", *(f"(?<= ){word}|{word} " for word in _AMOUNTS)),
    ("invalid_order", "invalid", "bad request", "unsupported", "duplicate", "not (?:supported|allowed with)",
     r"missing (?:\w+ ){0,2}(?:param|argument)"),
    ("broker_rejected", "rejected", "breached", "restriction", "liquidation", "disabled", "not allowed",
     "missing"),
)  # fmt: skip
_ADDRESS = re.compile(r"(?:\b[a-z]{2,8}://|\burl: )\S*")
_FLAG = re.compile(r"""(?<![\w-])[\w-]++["']?\s*+[:=]\s*+["']?(?:true|false|null|none)\b""")  # post_only: false
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_LETTERS = re.compile(r"[a-z ]{2,}(?!\?)")

_Phrase = tuple[str, str, re.Pattern[str]]


def _compiled(rows: Iterable[tuple[str, ...]]) -> list[_Phrase]:
    return [
        (reason, _LETTERS.findall(phrase)[0], re.compile(rf"\b(?:{phrase})\b"))
        for reason, *phrases in rows
        for phrase in phrases
    ]


_IN_PROSE = _compiled(_PHRASES)
_IN_ANSWER = _compiled(_PHRASES + _ANSWER_PHRASES)
_IN_CODE = _compiled(_PHRASES + _ANSWER_PHRASES + _CODE_PHRASES)


def _reason_of_words(text: str, phrases: list[_Phrase] = _IN_PROSE) -> str | None:
    text = text.lower()
    if ":" in text or "=" in text:
        text = _FLAG.sub(" ", _ADDRESS.sub(" ", text))
    text = " ".join(text.replace("_", " ").replace("-", " ").split())
    return next((reason for reason, cue, phrase in phrases if cue in text and phrase.search(text)), None)


def reason_of_code(code: str) -> str | None:
    """Return the reason that a broker's error code tells, or None where it tells none.

    Codes are read in any case (``OrderNotFound``, ``order_not_found``); what has spaces is read as a message.
    The answer is never a reason of our own side, since it is the broker who speaks.

    >>> reason_of_code("PREVIEW_INVALID_LIMIT_PRICE_POST_ONLY"), reason_of_code("INVALID_SIZE_PRECISION")
    ('post_only', 'invalid_size')
    >>> reason_of_code("UNKNOWN_FAILURE_REASON") is None
    True
    """
    code = code[:MAX_WORD].strip()
    return _reason_of_words(code, _IN_ANSWER) if " " in code else _reason_of_words(_HUMP.sub("_", code), _IN_CODE)


def reason_of_body(body: object) -> str | None:
    """Return the reason that an answer's error fields tell, or None where they tell none.

    >>> reason_of_body({"error": ["EOrder:Insufficient funds"], "text": "post only"})
    'insufficient_funds'
    """
    return next(filter(None, map(reason_of_code, codes(body))), None)


# ccxt: "binance POST https://... 404 Not Found {body}"; requests: "429 Client Error: ...".
_STATUS_IN_TEXT = re.compile(
    r"\S{1,40} (?:GET|POST|PUT|PATCH|DELETE) \S+ ([45]\d\d)\b|([45]\d\d) (?:Client|Server) Error"
)
_BODY = re.compile(r"[\[{]\s*[{\"']")
_NAMES = "|".join(sorted(_FIELDS | {"label"}))  # Gate's; in an order it is whatever the bot calls it
_FIELD = re.compile(rf"""(["'])(?:{_NAMES})\1\s*+:\s*+\[?\s*+(["'])((?:(?!\2).){{1,{MAX_WORD}}})""")
_CODE = re.compile(r"[A-Z0-9]+(?:_[A-Z0-9]+)+")


def heard(message: str) -> Iterator[str | None]:
    """Tell what a message says: a status, then the error fields of a body that it quotes, then its words."""
    status = _STATUS_IN_TEXT.match(message)
    if status:
        yield reason_of_status(int(status[1] or status[2]))
    body = _BODY.search(message)
    if body:
        fields = _FIELD.finditer(message, body.start())
        yield from (reason_of_code(field[3]) for field in islice(fields, len(_FIELDS)))
        if '"error_response"' in message:  # Coinbase's no, whatever its reason
            yield "broker_rejected"
        message = message[: body.start()]
    yield reason_of_code(message) if _CODE.fullmatch(message) else _reason_of_words(message)
