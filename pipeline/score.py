"""Patients that anybody made, several sets side by side, against real ones -> numbers and a page. Not a stage."""

import sys

from ehrgen.core.command import run
from ehrgen.core.files import replacing, write_json
from ehrgen.scoring.request import Request


def main() -> None:
    request = Request.parse(sys.argv[1:])
    from ehrgen.scoring.judging import judge
    from ehrgen.scoring.markdown import score_md
    from ehrgen.scoring.page import score_html
    from ehrgen.scoring.sides import Sides

    sides = Sides.read(request)
    judged = judge(sides, request)
    text = score_md(judged, sides)
    with replacing(request.out) as folder:
        folder.mkdir()
        write_json(judged.content() | {"remarks": sides.remarks}, folder / "score.json", sort_keys=True)
        (folder / "score.md").write_text(text, encoding="utf-8")
        (folder / "score.html").write_text(score_html(judged, sides), encoding="utf-8")
    print(text.partition("## All metrics")[0].rstrip())
    print(f"\nall of it: {request.out}/score.md, score.html, score.json")


if __name__ == "__main__":
    run(main)
