"""Published survival data, and the figures printed for them; `test_statistics.py` asks for them."""

from __future__ import annotations

Data = tuple[list[int], list[bool]]


def read(text: str) -> Data:
    """Return times and whether the event came, from a line such as ``9 13 13+ 18``: + is censored."""
    words = text.split()
    return [int(word.rstrip("+rd")) for word in words], [not word.endswith("+") for word in words]


# Miller 1997, acute myelogenous leukemia; R package survival, data aml
AML = {
    "maintained": read("9 13 13+ 18 23 28+ 31 34 45+ 48 161+"),
    "non-maintained": read("5 5 8 8 12 16+ 23 27 30 33 43 45"),
}
# Freireich et al., Blood 1963;21:699, remission in weeks; KMsurv drug6mp
SIX_MP = {
    "6-MP": read("6 6 6 6+ 7 9+ 10 10+ 11+ 13 16 17+ 19+ 20+ 22 23 25+ 32+ 32+ 34+ 35+"),
    "placebo": read("1 1 2 2 3 4 4 5 5 8 8 8 8 11 11 12 12 15 17 22 23"),
}
# Edmunson et al. 1979; R package survival, data ovarian
OVARIAN = {
    1: read("59 115 156 268 329 431 638 448+ 477+ 803+ 855+ 1040+ 1106+"),
    2: read("353 365 464 475 563 377+ 421+ 744+ 769+ 770+ 1129+ 1206+ 1227+"),
}
# Klein and Moeschberger, Survival Analysis, 1.3: bone marrow transplants in Ohio and elsewhere; KMsurv bmt. Days in
# remission; r relapse, d death in remission, + neither
BMT = {
    "ALL": """2081+ 1602+ 1496+ 1462+ 1433+ 1377+ 1330+ 996+ 226+ 1199+ 1111+ 530+ 1182+ 1167+ 418d 383r 276d 104r
        609r 172d 487d 662r 194d 230r 526d 122d 129r 74r 122r 86d 466d 192r 109r 55r 1d 107d 110r 332d""",
    "AML low risk": """2569+ 2506+ 2409+ 2218+ 1857+ 1829+ 1562+ 1470+ 1363+ 1030+ 860+ 1258+ 2246+ 1870+ 1799+ 1709+
        1674+ 1568+ 1527+ 1324+ 957+ 932+ 847+ 848+ 1850+ 1843+ 1535+ 1447+ 1384+ 414d 2204d 1063d 481d 105d 641d 390d
        288d 421r 79d 748r 486r 48d 272r 1074d 381r 10d 53d 80d 35d 248r 704d 211r 219r 606r""",
    "AML high risk": """2640+ 2430+ 2252+ 2140+ 2133+ 1238+ 1631+ 2024+ 1345+ 1136+ 845+ 422r 162d 84r 100r 2d 47r 242r
        456r 268r 318d 32r 467r 47r 390r 183d 105d 115r 164d 93r 120r 80d 677d 64r 168d 74d 16d 157r 625r 48r 273r 63d
        76r 113r 363d""",
}
BMT_CAUSES: list[tuple[int, str | None]] = [
    (int(word.rstrip("+rd")), {"r": "relapse", "d": "death"}.get(word[-1]))
    for text in BMT.values()
    for word in text.split()
]
# Student 1908: extra hours of sleep, ten people, two drugs; R data sleep
SLEEP = [-1.2, -2.4, -1.3, -1.3, 0.0, -1.0, -1.8, -0.8, -4.6, -1.4]
# NIST/SEMATECH e-Handbook 6.3.2.2, batch means; 6.3.3.2, 30 wafers of 50 chips
FLOW = [49.6, 47.6, 49.9, 51.3, 47.8, 51.2, 52.6, 52.4, 53.6, 52.1]
WAFERS = [12, 15, 8, 10, 4, 7, 16, 9, 14, 10, 5, 6, 17, 12, 22, 8, 10, 5, 13, 11, 20, 18, 24, 15, 9, 12, 7, 13, 9, 6]
