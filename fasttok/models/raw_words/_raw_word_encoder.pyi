from fasttok.models._encoder import PretokenEncoder
from fasttok.text._spans import Spans
from fasttok.text.normalizers._code_points import CodePoints
from fasttok.text.words._raw_words import RawWordScanner

class RawWordEncoder(PretokenEncoder):
    def __init__(
        self, inner: PretokenEncoder, scanner: RawWordScanner, code_points: CodePoints, words: Spans
    ) -> None: ...
