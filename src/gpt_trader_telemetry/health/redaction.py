"""What looks like a key, a token, a secret or a password in a text, and the text without it.

Names come first: what stands after ``api_key=`` goes, whatever it looks like. Then shapes: credentials in
addresses, JSON web tokens, PEM blocks, well-known prefixes, and long runs too irregular to be words. When in
doubt it goes: a detail too few is a nuisance, a key too many is a loss.
"""

import re
from collections.abc import Callable
from typing import Final

REDACTED: Final = "[redacted]"

_ANYWHERE: Final = (
    "secret|token|passw|pass[ _-]?(?:phrase|code)|pwd|credential|signature|mnemonic|seed[ _-]?phrase|private|cookie|"
    "jwt|authori[sz]ation|api[ _-]?key|session[ _-]?id"
)
_ALONE: Final = "auth|sign?|pin|otp|pass|pw|tok|seed|creds?|phrase"
_TELLING_KEY: Final = re.compile(f"{_ANYWHERE}|key|bearer|(?:^|[ ._-])(?:{_ALONE})$", re.IGNORECASE)
# In running text "key" only at an end: a KeyError is no key.
_TELLING_WORD: Final = re.compile(rf"{_ANYWHERE}|key(?:s|[._-]?id|\d*)$|(?:^|[._-])(?:{_ALONE})$", re.IGNORECASE)
_WHOLE_LINE: Final = re.compile("authori[sz]ation|cookie|passphrase|mnemonic|phrase", re.IGNORECASE)

_NAME: Final = re.compile(r"(?<![\w.\-])([\w.\-]++)(?:\\*[\"'])?\s{0,16}(?:=>|:=|={1,2}|:|%3[dD]|%3[aA])\s{0,16}")
_QUOTED: Final = re.compile(
    r"[bBrRuUfF]{0,2}(?:\"(?:\\.|[^\"\\])*+(?:\"|\Z)|'(?:\\.|[^'\\])*+(?:'|\Z)|(\\+[\"']).*?(?:\1|\Z))", re.DOTALL
)
_BARE: Final = re.compile(r"[^\s&]+")
_REST_OF_LINE: Final = re.compile(r"[^\r\n]+")
_TELLS_NOTHING: Final = re.compile(r"(?:None|null|True|False|true|false)(?![^\s&,;)\]}\"'])")

_PEM: Final = re.compile(r"-----\s?BEGIN[^\n-]{0,60}-----.*?(?:-----\s?END[^\n-]{0,60}-----|\Z)", re.DOTALL)
_IN_ADDRESS: Final = re.compile(r"://[^\s\"<>]{1,1024}@")
_BEFORE_HOST: Final = re.compile(r"(?<![\w.+\-])([\w.+\-]{1,64}):[^\s@/:]{1,256}@(?=[\w\[])")
_BEARER: Final = re.compile(r"\b(bearer|negotiate)\s+(?!\[redacted\])[^\s\"',;]+", re.IGNORECASE)
_BASIC: Final = re.compile(r"\b((?i:basic|digest|hmac))\s+(?=\S{0,256}[A-Z0-9=+/])[A-Za-z0-9+/=_-]{6,}")
_TOLD: Final = re.compile(
    r"\b((?:[\w.\-]{1,64}[_.\-])?"
    r"(?:(?:api|access|secret|private|signing)[ _-]?key|secret|token|password|passphrase)\s{1,3}"
    r"(?:(?:is|was)[\s:]{1,3})?)"
    r"(?:\"[^\"]+\"|'[^']+'|(?=[^\s\"']{0,256}\d)[^\s\"',;]{6,})",
    re.IGNORECASE,
)
_JWT: Final = re.compile(r"(?<![A-Za-z0-9+/_-])eyJ[\w-]{5,}(?:\.[\w-]*){0,4}")
_PREFIXED: Final = re.compile(
    r"(?<![A-Za-z0-9])(?:(?:sk|pk|rk)[_-](?=[\w-]{0,64}\d)[\w-]{8,}|gh[pousr]_\w{16,}|github_pat_\w{16,}|glpat-[\w-]{10,}"
    r"|xox[a-z]-[\w-]{8,}|(?:AKIA|ASIA)[A-Z0-9]{12,}|AIza[\w-]{20,}|hf_\w{16,}|npm_\w{16,}|pypi-[\w-]{16,})"
)
_KEY_PATH: Final = re.compile(r"(apikeys?/)(?!\[redacted\])[^\s\"',;]+", re.IGNORECASE)
_WEBHOOK: Final = re.compile(
    r"(hooks\.slack\.com/(?:services|workflows)/|discord(?:app)?\.com/api/webhooks/)[^\s\"',;]+"
)
_KEYED_UUID: Final = re.compile(
    r"((?<![A-Za-z])[A-Za-z_\-]{0,32}key[A-Za-z_\-]{0,32}\W{1,3}(?:is\W{1,3})?)[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}",
    re.IGNORECASE,
)
# A header as a pair, and an element of XML: a name and what belongs to it, without a sign between them.
_PAIR: Final = re.compile(
    r"(?P<before>[\"'](?P<name>[\w.\- ]{1,64})[\"']\s{0,3},\s{0,3})"
    r"[bB]?(?:\"(?:\\.|[^\"\\])*+(?:\"|\Z)|'(?:\\.|[^'\\])*+(?:'|\Z))"
)
_ELEMENT: Final = re.compile(r"(?P<before><(?P<name>[\w.\-:]{1,64})>)[^<]{1,1024}")
_HEX: Final = re.compile(r"(?:0x)?[0-9a-fA-F]{32,}|(?:[0-9a-fA-F]{2}:){15,}[0-9a-fA-F]{2}")
_PADDED: Final = re.compile(r"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{10,}={1,2}(?![\w=\"'])")
_RUN: Final = re.compile(r"[A-Za-z0-9+/_-]{20,}")
_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_DIGITS_AMONG_LETTERS: Final = re.compile(r"(?<=[A-Za-z])\d+|\d+(?=[A-Za-z])")
_STEPS: Final = re.compile(r"(?<=[a-z0-9])[A-Z]|(?<=[A-Za-z])[0-9]|(?<=[0-9])[a-z]")

# Pieces of a symbol: tickers, dates, strikes; a contract's number or its address on a chain.
_PIECE: Final = r"(?:[A-Z0-9]{1,24}|[A-Za-z0-9]{1,12}|\d+|0x[0-9a-fA-F]{40}|[1-9A-HJ-NP-Za-km-z]{32,44})"
_SYMBOL: Final = re.compile(rf"[@#$]?{_PIECE}(?:[-_/.: ]{_PIECE})*")

_WORD_LIKE: Final = 20
_LONG_FOR_A_WORD: Final = 32
_TOO_LONG_FOR_A_WORD: Final = 48
_IRREGULAR: Final = 0.27


def names_a_secret(name: str) -> bool:
    """Tell whether what a mapping holds under ``name`` is nothing to show.

    >>> names_a_secret("CB-ACCESS-SIGN"), names_a_secret("apiKey"), names_a_secret("symbol")
    (True, True, False)
    """
    return _TELLING_KEY.search(name) is not None


def is_symbol(name: str) -> bool:
    """Tell whether ``name``, where a symbol is expected, can be one; many a contract's looks as random as a key.

    >>> is_symbol("BIT-28FEB26-CDE"), is_symbol("KEY-USD"), is_symbol("sk_live_51H8abcdEFGH")
    (True, True, False)
    """
    return _SYMBOL.fullmatch(name) is not None and _PREFIXED.search(name) is None


def without_secrets(text: str) -> str:
    """Return ``text`` with each secret replaced; the time taken grows with the length of the text only.

    >>> without_secrets("GET https://bob:pw@broker/v1?api_key=abc&symbol=BTC-USD: 401")
    'GET https://[redacted]@broker/v1?api_key=[redacted]&symbol=BTC-USD: 401'
    """
    text = _PEM.sub(REDACTED, text)
    text = _IN_ADDRESS.sub(f"://{REDACTED}@", text)
    text = _BEFORE_HOST.sub(rf"\1:{REDACTED}@", text)
    for shape in (_PAIR, _ELEMENT):
        text = shape.sub(_if_telling, text)
    text = _without_named(text)
    for shape in (_BEARER, _BASIC):
        text = shape.sub(rf"\1 {REDACTED}", text)
    for shape in (_TOLD, _KEY_PATH, _WEBHOOK, _KEYED_UUID):
        text = shape.sub(rf"\1{REDACTED}", text)
    for shape in (_JWT, _PREFIXED, _HEX):
        text = shape.sub(REDACTED, text)
    text = _PADDED.sub(_unless(_is_plain_when_padded), text)
    return _RUN.sub(_unless(_is_plain), text)


def _if_telling(found: re.Match[str]) -> str:
    return f"{found['before']}{REDACTED}" if _TELLING_WORD.search(found["name"]) else found[0]


def _without_named(text: str) -> str:
    parts: list[str] = []
    position = 0
    while (name := _NAME.search(text, position)) is not None:
        parts.append(text[position : name.end()])
        position = name.end()
        if _TELLING_WORD.search(name[1]) and not _TELLS_NOTHING.match(text, position):
            end = _end_of_value(text, position, whole_line=_WHOLE_LINE.search(name[1]) is not None)
            if end > position:
                parts.append(REDACTED)
                position = end
    parts.append(text[position:])
    return "".join(parts)


def _end_of_value(text: str, start: int, *, whole_line: bool) -> int:
    if text.startswith(("[", "(", "{"), start):
        return _end_of_brackets(text, start)
    quoted = _QUOTED.match(text, start)
    if quoted is not None:
        return quoted.end()
    bare = (_REST_OF_LINE if whole_line else _BARE).match(text, start)
    return start if bare is None else bare.end()


def _end_of_brackets(text: str, start: int) -> int:
    depth = 0
    for position in range(start, len(text)):
        depth += (text[position] in "[({") - (text[position] in "])}")
        if depth == 0:
            return position + 1
    return len(text)


def _unless(is_plain: Callable[[str], bool]) -> Callable[[re.Match[str]], str]:
    return lambda found: found[0] if is_plain(found[0]) else REDACTED


def _is_plain_when_padded(run: str) -> bool:
    # Base64 is padded to a multiple of four; a name before an equals sign seldom is, and seldom mixes its case.
    body = run.rstrip("=")
    return len(run) % 4 != 0 or body.islower() or body.isalpha() and body.istitle()  # noqa: RUF021


def _is_plain(run: str) -> bool:
    """Tell words, paths and identifiers from what a random generator gave."""
    if _UUID.fullmatch(run):
        return True
    if "+" in run and _mixes_all(run):
        return False
    pieces = run.split("/")
    if len(pieces) > 1 and not any(_is_word(piece) for piece in pieces):
        pieces.append(run.replace("/", ""))  # no path: base64 with slashes in it
    return not any(_is_irregular(piece) for piece in pieces if len(piece) >= _WORD_LIKE)


def _is_word(piece: str) -> bool:
    return len(piece) > 2 and piece.isalpha() and (piece.islower() or piece.istitle())  # noqa: PLR2004


def _is_irregular(piece: str) -> bool:
    if _UUID.fullmatch(piece):
        return False
    separated = "_" in piece or "-" in piece
    digits = len(_DIGITS_AMONG_LETTERS.findall(piece))
    if not separated and len(piece) >= _TOO_LONG_FOR_A_WORD and not piece.isalpha():
        return True
    # A name with a version or two has few digits among its letters.
    if not separated and digits >= (2 if len(piece) >= _LONG_FOR_A_WORD else 3):
        return True
    if _mixes_all(piece) and digits >= (3 if separated else 2):
        return True
    return not piece.isdigit() and len(_STEPS.findall(piece)) >= _IRREGULAR * (len(piece) - 1)


def _mixes_all(run: str) -> bool:
    return not run.islower() and not run.isupper() and any(character.isdigit() for character in run)
