"""The custom search attributes that the shared server gets, one per type."""

from temporalio.common import SearchAttributeKey

WORD = SearchAttributeKey.for_keyword("CustomWord")
PROSE = SearchAttributeKey.for_text("CustomProse")
WHOLE = SearchAttributeKey.for_int("CustomWhole")
REAL = SearchAttributeKey.for_float("CustomReal")
FLAG = SearchAttributeKey.for_bool("CustomFlag")
MOMENT = SearchAttributeKey.for_datetime("CustomMoment")
WORDS = SearchAttributeKey.for_keyword_list("CustomWords")

ALL = [WORD, PROSE, WHOLE, REAL, FLAG, MOMENT, WORDS]
