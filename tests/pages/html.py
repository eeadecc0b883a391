"""Reading pages as a browser would, far enough for tests."""

from dataclasses import dataclass, field
from html.parser import HTMLParser

from django.http import HttpResponse

VOID = frozenset({"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"})


@dataclass
class Element:
    tag: str
    attributes: dict[str, str]
    text: str = ""
    children: list["Element"] = field(default_factory=list)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = Element("", {})
        self.open = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs})
        self.open[-1].children.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open[-1].tag == tag, f"</{tag}> closes <{self.open[-1].tag}> {self.open[-1].attributes}"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        for element in self.open:
            element.text += data


class Page:
    """A parsed answer. Reading it fails when its tags do not nest."""

    def __init__(self, response: HttpResponse) -> None:
        self.status = response.status_code
        reader = _Reader()
        reader.feed(response.content.decode())
        assert reader.open == [reader.root], f"never closed: {[element.tag for element in reader.open[1:]]}"
        self.root = reader.root

    @property
    def text(self) -> str:
        return " ".join(self.root.text.split())

    def all(self, tag: str = "", **attributes: str) -> list[Element]:
        """Elements of that tag with those attributes (``class_`` matches one class; ``data_x`` is ``data-x``)."""
        return self.within(self.root, tag, **attributes)

    @classmethod
    def within(cls, outer: Element, tag: str = "", **attributes: str) -> list[Element]:
        """The same, of those inside another."""
        return [element for element in cls._walk(outer) if cls._matches(element, tag, attributes)]

    def one(self, tag: str = "", **attributes: str) -> Element:
        found = self.all(tag, **attributes)
        assert len(found) == 1, f"{len(found)} of <{tag}> {attributes}"
        return found[0]

    def value(self, name: str) -> str:
        """What a field is filled with."""
        element = next(e for e in self._walk(self.root) if e.attributes.get("name") == name)
        return element.text.strip() if element.tag == "textarea" else element.attributes.get("value", "")

    def links(self) -> list[str]:
        return [element.attributes.get("href", "") for element in self.all("a")]

    def error_of(self, name: str) -> str:
        """The errors beside a field; empty when there are none."""
        found = self.all("ul", id=f"id_{name}_error")
        return " ".join(found[0].text.split()) if found else ""

    @classmethod
    def _walk(cls, element: Element):
        for child in element.children:
            yield child
            yield from cls._walk(child)

    @staticmethod
    def _matches(element: Element, tag: str, wanted: dict[str, str]) -> bool:
        if tag and element.tag != tag:
            return False
        for name, value in wanted.items():
            name = name.rstrip("_").replace("_", "-")
            if name == "class":
                if value not in element.attributes.get("class", "").split():
                    return False
            elif element.attributes.get(name) != value:
                return False
        return True
