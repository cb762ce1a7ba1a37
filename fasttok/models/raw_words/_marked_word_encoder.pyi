from fasttok.models._encoder import PretokenEncoder
from fasttok.text._spans import Spans

class MarkedWordEncoder(PretokenEncoder):
    def __init__(self, inner: PretokenEncoder, words: Spans, repairs: bool, fused_id: int) -> None: ...
