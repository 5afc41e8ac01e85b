/* Cells -> lines of JSON, each with the same texts around its values. */
#include "speedups.h"

#define STEP 32 /* short texts are copied as so many bytes at once */
#define LONGEST_ROW 20
#define OFFSET_ROOM 8
#define LONGEST_ESCAPE 6

typedef struct {
    Field field;
    const unsigned char *text; /* before the value; `STEP` bytes may be read */
    size_t size;
} Part;

static const char ESCAPES[] = "\b\f\n\r\t";
static const char WRITTEN[] = "bfnrt";
static const char HEX[] = "0123456789abcdef";

/* Both ends have room for `STEP` bytes if `is_roomy`. */
static unsigned char *put(unsigned char *out, const unsigned char *text, size_t size, int is_roomy) {
    if (is_roomy && size <= STEP)
        memcpy(out, text, STEP);
    else
        memcpy(out, text, size);
    return out + size;
}

static inline unsigned char *put_escaped(unsigned char *out, unsigned char character) {
    if (character >= 0x20) {
        *out = '\\';
        out += character == '"' || character == '\\';
        *out++ = character;
        return out;
    }
    const char *found = character ? strchr(ESCAPES, character) : NULL;
    *out++ = '\\';
    if (found) {
        *out++ = (unsigned char)WRITTEN[found - ESCAPES];
        return out;
    }
    memcpy(out, "u00", 3);
    out[3] = (unsigned char)HEX[character >> 4];
    out[4] = (unsigned char)HEX[character & 15];
    return out + 5;
}

static unsigned char *put_csv_text(unsigned char *out, const unsigned char *text, const unsigned char *end) {
    for (; text < end; text++) {
        out = put_escaped(out, *text);
        text += *text == '"'; /* they come in pairs */
    }
    return out;
}

static unsigned hex_value(unsigned char character) {
    return character <= '9' ? character - '0' : (character | 0x20) - 'a' + 10;
}

/* A character below 0x80 is escaped only in JSON. */
static unsigned char *put_code_point(unsigned char *out, unsigned point, int is_escaped) { /* no surrogate, 16 bits */
    if (point < 0x80) {
        if (is_escaped) return put_escaped(out, (unsigned char)point);
        *out++ = (unsigned char)point;
        return out;
    }
    if (point < 0x800) {
        *out++ = (unsigned char)(0xc0 | point >> 6);
    } else {
        *out++ = (unsigned char)(0xe0 | point >> 12);
        *out++ = (unsigned char)(0x80 | (point >> 6 & 0x3f));
    }
    *out++ = (unsigned char)(0x80 | (point & 0x3f));
    return out;
}

unsigned char *put_json_text(unsigned char *out, const unsigned char *text, const unsigned char *end, int is_escaped) {
    while (text < end) {
        if (*text != '\\') {
            *out++ = *text++;
            continue;
        }
        text++;
        if (*text == 'u') {
            unsigned point = 0;
            for (int at = 1; at <= 4; at++) point = point << 4 | hex_value(text[at]);
            out = put_code_point(out, point, is_escaped);
            text += 5;
            continue;
        }
        const char *letter = strchr(WRITTEN, *text);
        out = put_code_point(out, letter ? (unsigned char)ESCAPES[letter - WRITTEN] : *text, is_escaped);
        text++;
    }
    return out;
}

/* As it is, but for what stands between day and time, and for the offset. */
unsigned char *put_instant(unsigned char *out, const unsigned char *text, size_t size, Span zone, int is_roomy) {
    int is_utc = text[size - 1] == 'Z';
    int has_offset = is_utc || text[size - 6] == '+' || text[size - 6] == '-';
    unsigned char *start = out;
    out = put(out, text, size - (size_t)is_utc, is_roomy);
    start[10] = 'T';
    if (is_utc) return put(out, (const unsigned char *)"+00:00", 6, 0);
    return has_offset ? out : put(out, zone.text, (size_t)(zone.end - zone.text), 0);
}

static unsigned char *put_row(unsigned char *out, uint64_t number) {
    unsigned char digits[LONGEST_ROW], *here = digits + LONGEST_ROW;
    do *--here = (unsigned char)('0' + number % 10);
    while (number /= 10);
    return put(out, here, (size_t)(digits + LONGEST_ROW - here), 0);
}

static unsigned char *put_plain_text(unsigned char *out, const unsigned char *text, const unsigned char *end) {
    while (text < end) out = put_escaped(out, *text++);
    return out;
}

static unsigned char *put_cell(unsigned char *out, const Table *table, Span data, Cell cell, unsigned code, Span zone) {
    size_t size = cell.size & SIZE_BITS;
    const unsigned char *text = text_of(table, data, cell);
    int is_roomy = !(cell.size & EXTRA) && data.end - text >= STEP;
    if (!size) return put(out, (const unsigned char *)"null", 4, 0);
    if (code == INTEGER || code == NUMBER || code == BOOLEAN) return put(out, text, size, is_roomy);
    *out++ = '"';
    if (code == INSTANT)
        out = put_instant(out, text, size, zone, is_roomy);
    else if (code == DAY || !(cell.size & REWRITTEN))
        out = put(out, text, size, is_roomy);
    else if (cell.size & EXTRA)
        out = put_plain_text(out, text, text + size);
    else
        out = table->is_json ? put_json_text(out, text, text + size, 1) : put_csv_text(out, text, text + size);
    *out++ = '"';
    return out;
}

/* Some rows of a table. */
typedef struct {
    size_t begin, end;
} Rows;

static size_t written(unsigned char *out, const Table *table, Span data, Rows rows, const Part *parts, size_t count,
                      Part last, uint64_t row, Span zone) {
    unsigned char *start = out;
    const Cell *cells = table->cells + rows.begin * table->wanted;
    for (size_t at = rows.begin; at < rows.end; at++, cells += table->wanted) {
        for (size_t part = 0; part < count; part++) {
            out = put(out, parts[part].text, parts[part].size, 1);
            if (parts[part].field.code == ROW)
                out = put_row(out, row + (table->numbers ? table->numbers[at] : at));
            else
                out = put_cell(out, table, data, cells[parts[part].field.at], parts[part].field.code, zone);
        }
        out = put(out, last.text, last.size, 1);
    }
    return (size_t)(out - start);
}

/* Lay the texts out, each with room behind it. Returns their memory, to be freed; NULL with an error set. */
static unsigned char *parts_of(PyObject *texts, const Field *fields, Py_ssize_t count, Part *parts, size_t *size) {
    if (PyTuple_Size(texts) != count + 1) {
        if (!PyErr_Occurred()) PyErr_SetString(PyExc_ValueError, "one text is needed around each field");
        return NULL;
    }
    *size = 0;
    for (Py_ssize_t at = 0; at <= count; at++) {
        Py_ssize_t length = PyBytes_Size(PyTuple_GetItem(texts, at));
        if (length < 0) return NULL;
        *size += (size_t)length;
    }
    unsigned char *memory = calloc(1, *size + STEP * (size_t)(count + 1)), *here = memory;
    if (!memory) return (unsigned char *)PyErr_NoMemory();
    for (Py_ssize_t at = 0; at <= count; at++) {
        Span text = span_of(PyTuple_GetItem(texts, at));
        parts[at].size = (size_t)(text.end - text.text);
        parts[at].text = memcpy(here, text.text, parts[at].size);
        if (at < count) parts[at].field = fields[at];
        here += parts[at].size + STEP;
    }
    return memory;
}

/* Return the most bytes that the lines can take; `texts`: those of a row around its values. */
static size_t bound(const Table *table, Rows rows, size_t texts, const Part *parts, size_t fields, Span zone) {
    size_t offset = (size_t)(zone.end - zone.text) > OFFSET_ROOM ? (size_t)(zone.end - zone.text) : OFFSET_ROOM;
    size_t cells = 0, row = texts;
    for (size_t part = 0; part < fields; part++) {
        unsigned code = parts[part].field.code;
        row += code == ROW ? LONGEST_ROW : sizeof("null") + (code == INSTANT ? offset : 0); /* more than two quotes */
    }
    for (size_t at = rows.begin; at < rows.end; at++) {
        const Cell *cell = table->cells + at * table->wanted;
        for (size_t part = 0; part < fields; part++) {
            uint32_t size = parts[part].field.code == ROW ? 0 : cell[parts[part].field.at].size;
            cells += (size_t)(size & SIZE_BITS) * (size & REWRITTEN ? LONGEST_ESCAPE : 1);
        }
    }
    return (rows.end - rows.begin) * row + cells + 2 * STEP;
}

static PyObject *lines_of(const Table *table, Rows rows, const Part *parts, size_t count, size_t around, uint64_t row, Span zone) {
    Span data = span_of(table->data);
    unsigned char *made;
    size_t length = 0;
    Py_BEGIN_ALLOW_THREADS;
    made = malloc(bound(table, rows, around, parts, count, zone));
    if (made) length = written(made, table, data, rows, parts, count, parts[count], row, zone);
    Py_END_ALLOW_THREADS;
    PyObject *found = made ? PyBytes_FromStringAndSize(NULL, (Py_ssize_t)length) : PyErr_NoMemory();
    if (found) {
        char *text = PyBytes_AsString(found);
        Py_BEGIN_ALLOW_THREADS;
        memcpy(text, made, length);
        Py_END_ALLOW_THREADS;
    }
    free(made);
    return found;
}

PyObject *lines(PyObject *module, PyObject *args) {
    (void)module;
    PyObject *capsule, *texts, *found = NULL;
    const char *bytes, *zone_text;
    Py_ssize_t size, zone_size, begin, end;
    unsigned long long row;
    if (!PyArg_ParseTuple(args, "Oy#O!Ky#nn", &capsule, &bytes, &size, &PyTuple_Type, &texts, &row, &zone_text, &zone_size,
                          &begin, &end))
        return NULL;
    Table *table = table_of(capsule);
    const Field *fields = table ? fields_of(table, bytes, size) : NULL;
    if (!fields) return NULL;
    if (begin < 0 || begin > end || (size_t)end > table->rows) return PyErr_Format(PyExc_ValueError, "rows that the table does not have");
    Py_ssize_t count = size / (Py_ssize_t)sizeof(Field);
    Part *parts = calloc((size_t)count + 1, sizeof(Part));
    if (!parts) return PyErr_NoMemory();
    size_t around;
    unsigned char *memory = parts_of(texts, fields, count, parts, &around);
    if (memory) {
        Span zone = {(const unsigned char *)zone_text, (const unsigned char *)zone_text + zone_size};
        found = lines_of(table, (Rows){(size_t)begin, (size_t)end}, parts, (size_t)count, around, row, zone);
    }
    free(memory);
    free(parts);
    return found;
}
