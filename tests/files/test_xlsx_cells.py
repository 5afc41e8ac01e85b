"""What single cells of a sheet's XML are, as Excel and other writers write them; both ways alike."""

import io
import zipfile

import pytest
from file_reader import XLSX, Reader
from hypothesis import given
from hypothesis import strategies as st

from tap_reports import speedups
from tap_reports.files import xlsx_rows
from tap_reports.files.table import ErrorCell
from tap_reports.models import FileFormat, FileOptions, Layout

MAIN = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
LINK = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = 'xmlns="http://schemas.openxmlformats.org/package/2006/relationships"'
FORMATS = (
    "General",
    "yyyy-mm-dd",
    "yyyy-mm-dd hh:mm",
    "h:mm:ss",
    "[h]:mm",
    '0.00E+00;"days"',
    "[$-409]mmm d",
    "mm:ss",
    "G/標準",
    "#,##0.00 USD",
    "d.m.yy h AM/PM",
    "yyyymmddThhmmssZ",
)
STYLES = (
    f"<styleSheet {MAIN}><numFmts>"
    + "".join(
        f"<numFmt numFmtId='{164 + number}' formatCode='{code.replace('<', '&lt;')}'/>"
        for number, code in enumerate(FORMATS)
    )
    + "</numFmts><cellXfs>"
    + "".join(f'<xf numFmtId="{164 + number}"/>' for number in range(len(FORMATS)))
    + "</cellXfs></styleSheet>"
)
STRINGS = (
    f"<sst {MAIN}><si><t>one</t></si><si><r><t>ri</t></r><r><t>ch</t></r><rPh><t>no</t></rPh></si>"
    "<si><t>a_x000D_b_x005F_c</t></si><si><t/></si></sst>"
)


def book(rows, *, styles=STYLES, strings=STRINGS, properties="", sheet=None):
    """Return a workbook of one sheet of raw XML."""
    sheet = sheet or f"<worksheet {MAIN}><sheetData>{rows}</sheetData></worksheet>"
    members = {
        "xl/workbook.xml": f'<workbook {MAIN} xmlns:r="{LINK}">{properties}'
        '<sheets><sheet name="S" sheetId="1" r:id="r1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f"<Relationships {PACKAGE}>"
        + "".join(
            f'<Relationship Id="r{number}" Type="{LINK}/{kind}" Target="{target}"/>'
            for number, (kind, target) in enumerate(
                [("worksheet", "sheet1.xml"), ("styles", "/xl/styles.xml"), ("sharedStrings", "strings.xml")],
                1,
            )
        )
        + "</Relationships>",
        "xl/sheet1.xml": sheet,
        "xl/styles.xml": styles,
        "xl/strings.xml": strings,
    }
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return packed.getvalue()


def text(at, value):
    return f'<c r="{at}" t="inlineStr"><is><t>{value}</t></is></c>'


HEAD = f'<row r="1">{text("A1", "a")}{text("B1", "b")}</row>'
ERROR = ErrorCell


@pytest.fixture(params=["compiled", "Python"])
def way(request, monkeypatch):
    """Read by the compiled module from the second row on, and without it."""
    if request.param == "Python":
        monkeypatch.setattr(speedups, "_compiled", None)
    monkeypatch.setattr(xlsx_rows, "FIRST_PIECE", 420)


CELLS = [
    ("<v>23851234567890123</v>", "", "23851234567890123"),
    ("<v>0.1234567890123456789</v>", "", "0.1234567890123456789"),
    ("<v>1.2E+3</v>", "", "1200"),
    ("<v>-6.25E-2</v>", "", "-0.0625"),
    ("<v>0E5</v>", "", "0"),
    ("<v>1E300</v>", "", "1E300"),
    ("<v> 7 </v>", "", "7"),
    ("<v>007</v>", "", "7"),
    ("<v>NaN</v>", "", ERROR("NaN")),
    ("<v></v>", "", None),
    ("<v>1</v>", 's="1"', "1900-01-01"),
    ("<v>59</v>", 's="1"', "1900-02-28"),
    ("<v>60</v>", 's="1"', ERROR("60 as a date")),
    ("<v>61</v>", 's="1"', "1900-03-01"),
    ("<v>45351</v>", 's="1"', "2024-02-29"),
    ("<v>2958465</v>", 's="1"', "9999-12-31"),
    ("<v>2958466</v>", 's="1"', ERROR("2958466 as a date")),
    ("<v>-1</v>", 's="1"', ERROR("-1 as a date")),
    ("<v>1E300</v>", 's="1"', ERROR("1E300 as a date")),
    ("<v>1.5e-300</v>", 's="3"', ERROR("1.5e-300 as a date")),
    ("<v>1.123456789012e300</v>", 's="3"', ERROR("1.123456789012e300 as a date")),
    ("<v>0</v>", 's="1"', ERROR("0 as a date")),
    ("<v>45351.5</v>", 's="1"', "2024-02-29T12:00:00"),
    ("<v>45351</v>", 's="2"', "2024-02-29T00:00:00"),
    ("<v>45351.999999999</v>", 's="2"', "2024-03-01T00:00:00"),
    ("<v>45351.0000115741</v>", 's="2"', "2024-02-29T00:00:01"),
    ("<v>45351.00000578704</v>", 's="2"', "2024-02-29T00:00:00.500"),
    ("<v>1.5</v>", 's="3"', "36:00:00"),
    ("<v>4.1666666666666664E-2</v>", 's="4"', "1:00:00"),
    ("<v>-0.5</v>", 's="3"', "-12:00:00"),
    ("<v>0.0104166666666667</v>", 's="7"', "0:15:00"),
    ("<v>5</v>", 's="5"', "5"),
    ("<v>5</v>", 's="8"', "5"),
    ("<v>5</v>", 's="9"', "5"),
    ("<v>45351.5</v>", 's="10"', "2024-02-29T12:00:00"),
    ("<v>45351</v>", 's="6"', "2024-02-29"),
    ("<v>45351.5</v>", 's="11"', "2024-02-29T12:00:00"),
    ("<v>1</v>", 't="b"', "true"),
    ("<v>0</v>", 't="b"', "false"),
    ("<v>2</v>", 't="b"', ERROR("2")),
    ("<v>#N/A</v>", 't="e"', ERROR("#N/A")),
    ("<f>A1/0</f><v>#DIV/0!</v>", 't="e"', ERROR("#DIV/0!")),
    ("<f>A1&amp;B1</f><v>x</v>", 't="str"', "x"),
    ("<f>A1</f><v></v>", 't="str"', None),
    ("<f>A1*2</f>", "", ERROR("a formula without a stored value")),
    ("<f>A1*2</f><v/>", "", ERROR("a formula without a stored value")),
    ('<f t="shared" si="0"/><v>3</v>', "", "3"),
    ("<v>0</v>", 't="s"', "one"),
    ("<v>1</v>", 't="s"', "rich"),
    ("<v>2</v>", 't="s"', "a\rb_c"),
    ("<v>3</v>", 't="s"', None),
    ("<is><t>&lt;&#65;&#x1F600;&amp;&gt;</t></is>", 't="inlineStr"', "<A\U0001f600&>"),
    ('<is><t xml:space="preserve"> x </t></is>', 't="inlineStr"', " x "),
    ('<is><t>a "b", c\nd</t></is>', 't="inlineStr"', 'a "b", c\nd'),
    ("<is><t>_x0041_ _xyz</t></is>", 't="inlineStr"', "A _xyz"),
    ("<is><r><t>ri</t></r><r><t>ch</t></r><rPh><t>no</t></rPh></is>", 't="inlineStr"', "rich"),
    ("<is><t><![CDATA[</row>]]></t></is>", 't="inlineStr"', "</row>"),
    ("<v>2024-02-29</v>", 't="d"', "2024-02-29"),
    ("<v>2024-02-29T10:00:00</v>", 't="d" s="2"', "2024-02-29T10:00:00"),
    ("<v>07:30:00</v>", 't="d"', "7:30:00"),
    ("<v>no day</v>", 't="d"', ERROR("no day")),
]


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize(("inner", "attributes", "expected"), CELLS)
def test_a_cell_is(reader, inner, attributes, expected):
    filler = "".join(f'<row r="{n}"><c r="A{n}"><v>{n}</v></c></row>' for n in range(2, 30))
    rows = f'{HEAD}{filler}<row r="30"><c r="A30"><v>1</v></c><c r="B30" {attributes}>{inner}</c></row>'
    found = list(reader.table(book(rows), XLSX).rows())
    assert found[-1] == ["1", expected]
    assert found[:2] == [["2", None], ["3", None]]


NUMBERS = st.from_regex(r"-?[0-9]{0,9}(\.[0-9]{0,14})?([eE][+-]?[0-9]{1,3})?", fullmatch=True)


@given(st.lists(st.tuples(NUMBERS, st.integers(0, len(FORMATS) - 1)), min_size=1, max_size=20))
def test_any_number_in_any_style_is_the_same_both_ways(tmp_path_factory, numbers):
    reader = Reader(tmp_path_factory.mktemp("numbers"))
    filler = f'<row r="2">{text("A2", "x" * 400)}</row>'
    rows = [
        f'<row r="{at}">{text(f"A{at}", "x")}<c r="B{at}" s="{style}"><v>{number}</v></c></row>'
        for at, (number, style) in enumerate(numbers, start=3)
    ]
    found = []
    for compiled in (speedups._compiled, None):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(xlsx_rows, "FIRST_PIECE", 420)
            patch.setattr(speedups, "_compiled", compiled)
            table = reader.table(book(HEAD + filler + "".join(rows)), XLSX)
            found.append((table.kinds, list(table.rows())))
    assert found[0] == found[1]


def test_days_may_be_counted_from_1904(reader):
    rows = f'{HEAD}<row r="2"><c r="A2" s="1"><v>0</v></c><c r="B2" s="1"><v>43889</v></c></row>'
    content = book(rows, properties='<workbookPr date1904="1"/>')
    assert reader.rows(content, XLSX)[1] == [["1904-01-01", "2024-02-29"]]


@pytest.mark.usefixtures("way")
def test_cells_and_rows_may_lack_their_references_and_have_prefixes(reader):
    rows = "<row><c><v>1</v></c><c/><c><v>2</v></c></row>" * 50
    expected = (("a", "b", "column_3"), [["1", None, "2"]] * 50)
    assert reader.rows(book(HEAD.replace(' r="1"', "") + rows), XLSX) == expected
    sheet = f"<worksheet {MAIN}><sheetData>{HEAD}{rows}</sheetData></worksheet>"
    sheet = sheet.replace("<", "<x:").replace("<x:/", "</x:").replace("xmlns=", "xmlns:x=")
    assert reader.rows(book("", sheet=sheet), XLSX) == expected


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ('<row r="2"><c r="A2" t="s"><v>9</v></c></row>', "refers to the shared string 9"),
        ('<row r="2"><c r="A2" s="99"><v>9</v></c></row>', "has the style 99, and the workbook has 12"),
        ('<row r="2"><c r="A2" t="q"><v>9</v></c></row>', 'is of the type "q"'),
        ('<row r="2"><c r="ZZZ2"><v>9</v></c></row>', "not within the columns A to XFD"),
        ('<row r="2"><c r="A2"><v>9</v></c><c r="A2"><v>9</v></c></row>', "two cells in one place"),
        ('<row r="1"><c r="A1"><v>9</v></c></row>', "row 1 stands behind row 1"),
        ('<row r="x"/>', 'has "x" for a row number'),
        ('<row r="2"><c r="A2"><v>9</c></row>', "is not well-formed XML: mismatched tag"),
        ("<row><c><v>&other;</v></c></row>", "is not well-formed XML: undefined entity"),
        (
            "<row>" + "".join(f"<c><v>{n}</v></c>" for n in range(10_001)) + "</row>",
            "has 10,001 columns; at most 10,000",
        ),
    ],
)
def test_a_damaged_sheet_is_an_error_in_words(reader, rows, says):
    assert says in reader.error(book(HEAD + rows), XLSX)


def test_a_doctype_is_refused(reader):
    strings = '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>' + STRINGS.replace("one", "&e;")
    rows = f'{HEAD}<row r="2"><c r="A2" t="s"><v>0</v></c></row>'
    assert "has a DOCTYPE" in reader.error(book(rows, strings=strings), XLSX)


@pytest.mark.usefixtures("way")
def test_a_cell_far_out_costs_no_more_than_itself(reader):
    far = '<row r="2"><c r="A2"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'
    header, rows = reader.rows(book(HEAD + far), XLSX)
    assert (header, rows) == (("a", "b", "column_16384"), [["1", None, None], [None, None, "1"]])


def test_the_header_row_and_the_footer_are_what_the_settings_say(reader):
    rows = "".join(f'<row r="{n}">{text(f"A{n}", f"x{n}")}{text(f"B{n}", "y")}</row>' for n in range(2, 9))
    layout = Layout(format=FileFormat.XLSX, options=FileOptions(header_row=3, footer_rows=2))
    assert reader.rows(book(HEAD + rows), layout) == (("x3", "y"), [["x4", "y"], ["x5", "y"], ["x6", "y"]])
    layout = Layout(format=FileFormat.XLSX, options=FileOptions(header_row=30))
    assert "row 30 is empty, so it is not the header" in reader.error(book(HEAD + rows), layout)


def test_two_header_rows_are_refused(reader):
    lower = f'<row r="2">{"".join(text(f"{c}2", c) for c in "ABC")}</row>'
    row = '<row r="3"><c r="A3"><v>1</v></c><c r="C3"><v>2</v></c></row>'
    assert "both look like the header" in reader.error(book(HEAD + lower + row), XLSX)
    assert "does not look like a header" in reader.error(book(row + row.replace("3", "4")), XLSX)


def test_numbers_are_read_by_their_own_notation_where_text_has_a_decimal_comma(reader):
    rows = f'{HEAD}<row r="2"><c r="A2"><v>1.234</v></c>{text("B2", "1,5")}</row>'
    layout = Layout(format=FileFormat.XLSX, options=FileOptions(decimal_separator=","))
    ((number, written),) = reader.rows(book(rows), layout)[1]
    assert (str(number), isinstance(number, str), written) == ("1.234", False, "1,5")


def test_many_shared_strings_go_to_disk(reader, monkeypatch):
    monkeypatch.setattr("tap_reports.files.xlsx_parts.HELD_BYTES", 10_000)
    strings = f"<sst {MAIN}>" + "".join(f"<si><t>string {n}</t></si>" for n in range(2000)) + "</sst>"
    order = [n * 7919 % 2000 for n in range(2000)]
    rows = "".join(f'<row><c t="s"><v>{n}</v></c><c t="s"><v>0</v></c></row>' for n in order)
    found = reader.rows(book(HEAD.replace(' r="1"', "") + rows, strings=strings), XLSX)
    assert found[1] == [[f"string {n}", "string 0"] for n in order]
