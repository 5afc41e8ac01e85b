/* Whole rows of a workbook's sheet (XML) -> CSV, the plain ones only: whatever is odd is refused, and
 * files/xlsx_cells.py decides what it is. What cells mean is told there; both give the same bytes.
 */
#include "speedups.h"
#include <stdio.h>

enum style { NUMERIC = 0, DATE = 1, DATE_TIME = 2, DURATION = 3 };                                  /* `Style` */
enum type { IS_TEXT = 1, IS_NUMBER = 2, IS_BOOLEAN = 4, IS_DATE = 8, IS_DATE_TIME = 16, IS_ERROR = 32 }; /* `Type` */

enum {
    MAX_SHEET_COLUMNS = 16384,
    LONGEST_NUMBER = 400,
    MOST_OUTPUT = 1 << 25, /* shared strings may be long and come again and again */
    PLAIN = 40,            /* digits of a number that is written without its exponent */
    LEAP_DAY = 60,         /* 1900-02-29, which never was */
    LAST_DAY = 2958465,
    DAYS_1904 = 1462
};
#define FRACTION UINT64_C(100000000000) /* 11 digits of a day are heeded */
#define DAY_MILLISECONDS UINT64_C(86400000)
#define MARK "\xef\xbf\xbf" /* before an error cell */
#define NUMBER_MARK "\xef\xbf\xbe"

typedef struct {
    unsigned char *text;
    size_t size, room;
} Text;

typedef struct {
    const unsigned char *at, *end;
    Text out, cell; /* the CSV, and the cell at hand */
    const uint16_t *places;
    const unsigned char *styles;
    Py_ssize_t styles_count;
    PyObject *strings;
    int is_1904, marks_numbers;
    size_t width, rows;
    long row;
    unsigned char types[MAX_SHEET_COLUMNS], others[MAX_SHEET_COLUMNS];
} Sheet;

typedef struct {
    const unsigned char *text;
    size_t size; /* 0: there is none */
} Value;

static int grow(Text *text, size_t more) {
    if (text->text && text->size + more <= text->room) return 1;
    if (text->size + more > MOST_OUTPUT) return 0;
    size_t room = text->room ? text->room : 4096;
    while (room < text->size + more) room *= 2;
    unsigned char *grown = realloc(text->text, room);
    if (!grown) return 0;
    text->text = grown;
    text->room = room;
    return 1;
}

static int put(Text *text, const void *data, size_t size) {
    if (!grow(text, size)) return 0;
    memcpy(text->text + text->size, data, size);
    text->size += size;
    return 1;
}

static int is_space(unsigned char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
static int is_digit(unsigned char c) { return c >= '0' && c <= '9'; }

static void skip_space(Sheet *sheet) {
    while (sheet->at < sheet->end && is_space(*sheet->at)) sheet->at++;
}

/* Take a text that must come next. */
static int takes(Sheet *sheet, const char *text) {
    size_t size = strlen(text);
    if ((size_t)(sheet->end - sheet->at) < size || memcmp(sheet->at, text, size)) return 0;
    sheet->at += size;
    return 1;
}

static int is_name(unsigned char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) || c == ':' || c == '_' || c == '-' || c == '.';
}

/* Take a tag's attributes and its end. `values`: of the attributes whose names are the letters of `wanted`.
 * Returns 1 for an open element, 2 for an empty one (`/>`), 0 to refuse. */
static int attributes(Sheet *sheet, const char *wanted, Value *values) {
    for (size_t i = 0; wanted[i]; i++) values[i] = (Value){NULL, 0};
    for (;;) {
        const unsigned char *before = sheet->at;
        skip_space(sheet);
        if (sheet->at == sheet->end) return 0;
        if (*sheet->at == '>') return sheet->at++, 1;
        if (*sheet->at == '/') return takes(sheet, "/>") ? 2 : 0;
        if (before == sheet->at) return 0;
        const unsigned char *name = sheet->at;
        while (sheet->at < sheet->end && is_name(*sheet->at)) sheet->at++;
        size_t size = (size_t)(sheet->at - name);
        if (!size || !takes(sheet, "=") || sheet->at == sheet->end) return 0;
        unsigned char quote = *sheet->at++;
        if (quote != '"' && quote != '\'') return 0;
        const unsigned char *text = sheet->at;
        while (sheet->at < sheet->end && *sheet->at != quote && *sheet->at != '<' && *sheet->at != '&') sheet->at++;
        if (sheet->at == sheet->end || *sheet->at != quote) return 0;
        const char *found = size == 1 ? strchr(wanted, *name) : NULL;
        if (found) {
            Value *value = &values[found - wanted];
            if (value->text || sheet->at == text) return 0;
            *value = (Value){text, (size_t)(sheet->at - text)};
        }
        sheet->at++;
    }
}

/* Return a number of at most 9 digits, -1 for anything else. */
static long number_of(Value value) {
    long number = 0;
    if (!value.size || value.size > 9) return -1;
    for (size_t i = 0; i < value.size; i++) {
        if (!is_digit(value.text[i])) return -1;
        number = number * 10 + (value.text[i] - '0');
    }
    return number;
}

/* Return the column of a reference, from 0: `C7` is 2; -1 for none. */
static long column_of(Value value) {
    long column = 0;
    size_t i = 0;
    while (i < value.size && i < 3 && value.text[i] >= 'A' && value.text[i] <= 'Z') column = column * 26 + value.text[i++] - 'A' + 1;
    size_t digits = value.size - i;
    if (!i || !digits || digits > 7) return -1;
    for (; i < value.size; i++)
        if (!is_digit(value.text[i])) return -1;
    return column <= MAX_SHEET_COLUMNS ? column - 1 : -1;
}

static int put_character(Text *text, unsigned long code) {
    unsigned char bytes[4];
    size_t size;
    if (code < 0x80) size = 1, bytes[0] = (unsigned char)code;
    else if (code < 0x800) size = 2, bytes[0] = (unsigned char)(0xc0 | code >> 6);
    else if (code < 0x10000) size = 3, bytes[0] = (unsigned char)(0xe0 | code >> 12);
    else size = 4, bytes[0] = (unsigned char)(0xf0 | code >> 18);
    for (size_t i = 1; i < size; i++) bytes[i] = (unsigned char)(0x80 | (code >> 6 * (size - 1 - i) & 0x3f));
    return put(text, bytes, size);
}

/* Take an entity behind its `&`. */
static int entity(Sheet *sheet) {
    static const char *const names[] = {"amp;", "lt;", "gt;", "quot;", "apos;"};
    for (size_t i = 0; i < 5; i++)
        if (takes(sheet, names[i])) return put(&sheet->cell, &"&<>\"'"[i], 1);
    unsigned long code = 0;
    int base = takes(sheet, "#x") ? 16 : takes(sheet, "#") ? 10 : 0, digits = 0;
    for (; base && sheet->at < sheet->end && digits < 7; digits++, sheet->at++) {
        unsigned char c = *sheet->at;
        if (is_digit(c)) code = code * (unsigned long)base + c - '0';
        else if (base == 16 && c >= 'a' && c <= 'f') code = code * 16 + c - 'a' + 10;
        else if (base == 16 && c >= 'A' && c <= 'F') code = code * 16 + c - 'A' + 10;
        else break;
    }
    int is_legal = code == 9 || code == 10 || code == 13 || (code >= 32 && code < 0xd800) || (code >= 0xe000 && code < 0xfffe) ||
                   (code >= 0x10000 && code <= 0x10ffff);
    return digits && is_legal && takes(sheet, ";") && put_character(&sheet->cell, code);
}

/* Take a text up to the next tag into `cell`. */
static int text(Sheet *sheet) {
    while (sheet->at < sheet->end && *sheet->at != '<') {
        const unsigned char *from = sheet->at;
        while (sheet->at < sheet->end && *sheet->at != '<' && *sheet->at != '&' && *sheet->at != '\r') sheet->at++;
        if (sheet->at < sheet->end && *sheet->at == '\r') return 0;
        if (!put(&sheet->cell, from, (size_t)(sheet->at - from))) return 0;
        if (sheet->at < sheet->end && *sheet->at == '&' && (sheet->at++, !entity(sheet))) return 0;
    }
    return 1;
}

/* Tell whether a text has an escape of Excel's own, `_x000D_`. */
static int is_escaped(const unsigned char *at, size_t size) {
    const unsigned char *end = at + size;
    while (end - at >= 7 && (at = memchr(at, '_', (size_t)(end - at - 6)))) {
        if (at[1] == 'x' && at[6] == '_') return 1;
        at++;
    }
    return 0;
}

/* Leave the number in `cell` without white space around it and without an exponent. */
static int without_exponent(Text *cell) {
    unsigned char *at = cell->text, *end = at + cell->size, whole[LONGEST_NUMBER], made[2 * LONGEST_NUMBER];
    while (at < end && is_space(*at)) at++;
    while (at < end && is_space(end[-1])) end--;
    size_t size = (size_t)(end - at), digits = 0, used = 0;
    if (!size || size > LONGEST_NUMBER || !is_number(at, size)) return 0;
    memmove(cell->text, at, cell->size = size);
    at = cell->text, end = at + size;
    unsigned char *power_at = at;
    while (power_at < end && (*power_at | 0x20) != 'e') power_at++;
    if (power_at == end) return 1;
    int is_negative = *at == '-';
    long point = -1, power = 0;
    for (at += is_negative; at < power_at; at++) {
        if (*at == '.') point = (long)digits;
        else whole[digits++] = *at;
    }
    if (point < 0) point = (long)digits;
    int is_small = *++at == '-';
    for (at += *at == '-' || *at == '+'; at < end; at++) power = power * 10 + (*at - '0');
    point += is_small ? -power : power;
    if (point <= -PLAIN || point >= PLAIN) return 1;
    size_t first = 0; /* leading zeros go */
    while ((long)first < point && (first >= digits || whole[first] == '0')) first++;
    if (is_negative) made[used++] = '-';
    if (point <= (long)first) {
        made[used++] = '0';
    } else {
        for (long i = (long)first; i < point; i++) made[used++] = i < (long)digits ? whole[i] : '0';
    }
    if (point < (long)digits) {
        made[used++] = '.';
        for (long i = point; i < 0; i++) made[used++] = '0';
        for (long i = point < 0 ? 0 : point; i < (long)digits; i++) made[used++] = whole[i];
    }
    cell->size = 0;
    return put(cell, made, used);
}

static size_t put_day(char *to, long serial) {
    /* Days since 0000-03-01, in eras of 400 years. */
    long days = serial + (serial < LEAP_DAY) - 25569 + 719468;
    long era = days / 146097, of_era = days - era * 146097;
    long years = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    long of_year = of_era - (365 * years + years / 4 - years / 100), month = (5 * of_year + 2) / 153;
    long day = of_year - (153 * month + 2) / 5 + 1, year = years + era * 400 + (month > 9);
    return (size_t)snprintf(to, 32, "%04ld-%02ld-%02ld", year, month < 10 ? month + 3 : month - 9, day);
}

/* Write the serial number in `cell` as what it is shown as. Returns its type, 0 to refuse. */
static int dated(Text *cell, enum style style, int is_1904) {
    char made[64];
    unsigned char *at = cell->text, *end = at + cell->size;
    int is_negative = *at == '-';
    uint64_t days = 0, fraction = 0, digits = 0;
    at += is_negative;
    unsigned char *begin = at;
    for (; at < end && is_digit(*at); at++) {
        if (at - begin >= 7) return 0;
        days = days * 10 + (uint64_t)(*at - '0');
    }
    if (at < end && *at++ != '.') return 0;
    for (unsigned char *one = at; one < end; one++)
        if (!is_digit(*one)) return 0; /* it still has its exponent */
    for (; digits < 11; digits++) fraction = fraction * 10 + (at < end ? (uint64_t)(*at++ - '0') : 0);
    uint64_t of_day = (fraction * DAY_MILLISECONDS * 2 + FRACTION) / (2 * FRACTION);
    days += of_day / DAY_MILLISECONDS;
    of_day %= DAY_MILLISECONDS;
    unsigned long seconds = (unsigned long)(of_day / 1000), rest = (unsigned long)(of_day % 1000);
    size_t used = 0;
    int has_time = style == DURATION || style == DATE_TIME || of_day;
    if (style == DURATION) {
        unsigned long hours = (unsigned long)days * 24 + seconds / 3600;
        const char *sign = is_negative && (days || of_day) ? "-" : "";
        used = (size_t)snprintf(made, sizeof made, "%s%lu:%02lu:%02lu", sign, hours, seconds / 60 % 60, seconds % 60);
    } else {
        if (is_1904) days += DAYS_1904;
        if (is_negative || days < 1 || days > LAST_DAY || days == LEAP_DAY) return 0;
        used = put_day(made, (long)days);
        if (has_time)
            used += (size_t)snprintf(made + used, sizeof made - used, "T%02lu:%02lu:%02lu", seconds / 3600, seconds / 60 % 60, seconds % 60);
    }
    if (has_time && rest) used += (size_t)snprintf(made + used, sizeof made - used, ".%03lu", rest);
    cell->size = 0;
    if (!put(cell, made, used)) return 0;
    return style == DURATION ? IS_TEXT : has_time ? IS_DATE_TIME : IS_DATE;
}

/* Put a shared string in place of its number. */
static int shared(Sheet *sheet) {
    Text *cell = &sheet->cell;
    long number = number_of((Value){cell->text, cell->size});
    if (number < 0) return 0;
    PyObject *string = NULL;
    if (PyList_Check(sheet->strings)) {
        if (number < PyList_Size(sheet->strings)) Py_XINCREF(string = PyList_GetItem(sheet->strings, number));
    } else {
        PyObject *key = PyLong_FromLong(number);
        string = key ? PyObject_GetItem(sheet->strings, key) : NULL;
        Py_XDECREF(key);
    }
    Py_ssize_t size;
    const char *data = string ? PyUnicode_AsUTF8AndSize(string, &size) : NULL;
    cell->size = 0;
    int is_put = data && put(cell, data, (size_t)size);
    Py_XDECREF(string);
    PyErr_Clear(); /* refused: Python says what is wrong */
    return is_put;
}

/* Make of what `cell` holds what is written. Returns its type, 0 for nothing, -1 to refuse. */
static int typed(Sheet *sheet, Value type, Value style, int has_value, int has_inline, int is_formula) {
    Text *cell = &sheet->cell;
    int is_inline = type.size == 9 && !memcmp(type.text, "inlineStr", 9);
    if (is_inline || (type.size == 3 && !memcmp(type.text, "str", 3))) {
        if (is_inline ? has_value : has_inline) return -1;
        if (!cell->size) return is_formula && !has_value ? -1 : 0;
        return is_escaped(cell->text, cell->size) ? -1 : IS_TEXT;
    }
    unsigned char kind = type.size ? *type.text : 'n';
    if (type.size > 1 || has_inline || (!cell->size && is_formula)) return -1;
    if (!cell->size) return kind == 'e' ? -1 : 0;
    if (kind == 's') return !shared(sheet) ? -1 : cell->size ? IS_TEXT : 0;
    if (kind == 'b') {
        if (cell->size != 1 || (*cell->text | 1) != '1') return -1;
        int is_true = *cell->text == '1';
        cell->size = 0;
        return put(cell, is_true ? "true" : "false", is_true ? 4 : 5) ? IS_BOOLEAN : -1;
    }
    if (kind == 'e') {
        if (*cell->text != '#' || is_space(cell->text[cell->size - 1]) || !grow(cell, 3)) return -1;
        memmove(cell->text + 3, cell->text, cell->size);
        memcpy(cell->text, MARK, 3);
        cell->size += 3;
        return IS_ERROR;
    }
    if (kind != 'n' || !without_exponent(cell)) return -1;
    long index = style.size ? number_of(style) : 0;
    if (index < 0 || (index && index >= sheet->styles_count)) return -1;
    unsigned char shown = index < sheet->styles_count ? sheet->styles[index] : NUMERIC;
    if (shown == NUMERIC) return IS_NUMBER;
    int found = dated(cell, (enum style)shown, sheet->is_1904);
    return found ? found : -1;
}

/* Take what is within a cell, up to its end, into `cell`. */
static int content(Sheet *sheet, int *has_value, int *has_inline, int *is_formula) {
    for (;;) {
        skip_space(sheet);
        if (takes(sheet, "</c>")) return 1;
        int is_open;
        if (takes(sheet, "<v")) {
            if (*has_value || !(is_open = attributes(sheet, "", NULL))) return 0;
            *has_value = 1;
            if (is_open == 1 && !(text(sheet) && takes(sheet, "</v>"))) return 0;
        } else if (takes(sheet, "<f")) {
            *is_formula = 1;
            if (!(is_open = attributes(sheet, "", NULL))) return 0;
            size_t size = sheet->cell.size;
            if (is_open == 1 && !(text(sheet) && takes(sheet, "</f>"))) return 0;
            sheet->cell.size = size;
        } else if (takes(sheet, "<is>")) {
            if (*has_inline) return 0;
            *has_inline = 1;
            skip_space(sheet);
            if (!takes(sheet, "<t") || !(is_open = attributes(sheet, "", NULL))) return 0;
            if (is_open == 1 && !(text(sheet) && takes(sheet, "</t>"))) return 0;
            skip_space(sheet);
            if (!takes(sheet, "</is>")) return 0;
        } else {
            return 0;
        }
    }
}

/* Write the text in `cell`, quoted if need be. */
static int put_cell(Text *out, const Text *cell) {
    size_t at = 0;
    while (at < cell->size && cell->text[at] != '"' && cell->text[at] != ',' && cell->text[at] != '\n' && cell->text[at] != '\r') at++;
    if (at == cell->size) return put(out, cell->text, cell->size);
    if (!grow(out, 2 * cell->size + 2)) return 0;
    out->text[out->size++] = '"';
    for (at = 0; at < cell->size; at++) {
        if (cell->text[at] == '"') out->text[out->size++] = '"';
        out->text[out->size++] = cell->text[at];
    }
    out->text[out->size++] = '"';
    return 1;
}

static int commas(Text *out, size_t count) {
    if (!grow(out, count)) return 0;
    memset(out->text + out->size, ',', count);
    out->size += count;
    return 1;
}

/* Take a row behind `<row`. */
static int row(Sheet *sheet) {
    Value reference, values[3];
    int is_open = attributes(sheet, "r", &reference);
    long number = reference.size ? number_of(reference) : sheet->row + 1, column = -1;
    if (!is_open || number <= sheet->row) return 0;
    sheet->row = number;
    if (is_open == 2) return 1;
    size_t begin = sheet->out.size, at = 0;
    int is_empty = 1;
    for (;;) {
        skip_space(sheet);
        if (takes(sheet, "</row>")) break;
        int has_value = 0, has_inline = 0, is_formula = 0;
        if (!takes(sheet, "<c") || !(is_open = attributes(sheet, "rst", values))) return 0;
        long before = column;
        column = values[0].size ? column_of(values[0]) : column + 1;
        if (column <= before || column >= MAX_SHEET_COLUMNS) return 0;
        if (is_open == 2) continue;
        sheet->cell.size = 0;
        if (!content(sheet, &has_value, &has_inline, &is_formula)) return 0;
        int type = typed(sheet, values[2], values[1], has_value, has_inline, is_formula);
        if (type < 0) return 0;
        if (!type) continue;
        size_t place = sheet->places[column];
        if (!place) {
            sheet->others[column] = 1;
            continue;
        }
        sheet->types[place - 1] |= (unsigned char)type;
        if (!commas(&sheet->out, place - 1 - at)) return 0;
        if (type == IS_NUMBER && sheet->marks_numbers && !put(&sheet->out, NUMBER_MARK, 3)) return 0;
        if (!put_cell(&sheet->out, &sheet->cell)) return 0;
        at = place - 1;
        is_empty = 0;
    }
    if (is_empty) return sheet->out.size = begin, 1;
    sheet->rows++;
    return commas(&sheet->out, sheet->width - 1 - at) && put(&sheet->out, "\n", 1);
}

/* Tell whether a text is UTF-8 of characters that XML may hold. */
static int is_xml(const unsigned char *text, size_t size) {
    for (size_t i = 0; i < size; i++)
        if ((text[i] < 32 && !is_space(text[i])) || (text[i] == 0xef && i + 2 < size && text[i + 1] == 0xbf && text[i + 2] >= 0xbe)) return 0;
    return is_utf8(text, size);
}

static int rows_of(Sheet *sheet) {
    if (!is_xml(sheet->at, (size_t)(sheet->end - sheet->at))) return 0;
    for (;;) {
        skip_space(sheet);
        if (sheet->at == sheet->end) return 1;
        if (!takes(sheet, "<row") || !row(sheet)) return 0;
    }
}

static PyObject *result(const Sheet *sheet) {
    PyObject *others = PyList_New(0);
    for (long column = 0; others && column < MAX_SHEET_COLUMNS; column++) {
        PyObject *one = sheet->others[column] ? PyLong_FromLong(column) : NULL;
        if (sheet->others[column] && (!one || PyList_Append(others, one))) Py_CLEAR(others);
        Py_XDECREF(one);
    }
    if (!others) return NULL;
    return Py_BuildValue("(y#nly#N)", sheet->out.text ? (char *)sheet->out.text : "", (Py_ssize_t)sheet->out.size,
                         (Py_ssize_t)sheet->rows, sheet->row, sheet->types, (Py_ssize_t)sheet->width, others);
}

PyObject *sheet(PyObject *module, PyObject *args) {
    (void)module;
    const char *data, *places, *styles;
    Py_ssize_t size, places_size, styles_size;
    Sheet *sheet = calloc(1, sizeof(Sheet));
    if (!sheet) return PyErr_NoMemory();
    PyObject *made = NULL;
    if (PyArg_ParseTuple(args, "y#y#y#Oplp", &data, &size, &places, &places_size, &styles, &styles_size, &sheet->strings,
                         &sheet->is_1904, &sheet->row, &sheet->marks_numbers)) {
        if (places_size != 2 * MAX_SHEET_COLUMNS) {
            PyErr_SetString(PyExc_ValueError, "places of all columns are needed");
        } else {
            sheet->at = (const unsigned char *)data;
            sheet->end = sheet->at + size;
            sheet->places = (const uint16_t *)(const void *)places;
            sheet->styles = (const unsigned char *)styles;
            sheet->styles_count = styles_size;
            for (long column = 0; column < MAX_SHEET_COLUMNS; column++)
                if (sheet->places[column] > sheet->width) sheet->width = sheet->places[column];
            if (rows_of(sheet)) made = result(sheet);
            else Py_XINCREF(made = Py_None);
        }
    }
    free(sheet->out.text);
    free(sheet->cell.text);
    free(sheet);
    return made;
}
