/* Days and instants in the user's own format: `08/03/2026 4:05 PM` -> `2026-08-03T16:05:00`. */
#include "speedups.h"

/* Parts of a date. A format is a text of these and of characters that stand for themselves. */
enum part { YEAR = 1, MONTH, DAY_OF_MONTH, HOUR, HOUR_OF_HALF, MINUTE, SECOND, HALF_OF_DAY, MONTH_NAME, PARTS };
enum { DAY_SIZE = 10, INSTANT_SIZE = 19 };

static const char MONTHS[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

/* Return the size of a number, 0 if it is none; `most` is 2 or, exactly, 4. */
static size_t number(const unsigned char *text, size_t size, size_t most, int *value) {
    size_t at = 0;
    for (*value = 0; at < size && at < most && (unsigned)(text[at] - '0') < 10; at++) *value = *value * 10 + text[at] - '0';
    return most == 4 && at < 4 ? 0 : at;
}

static size_t name_of_month(const unsigned char *text, size_t size, int *value) {
    for (*value = 1; size >= 3 && *value <= 12; ++*value)
        if (!memcmp(text, MONTHS + 3 * (*value - 1), 3)) return 3;
    return 0;
}

/* Small letters only behind a blank and at the end, as the converter takes them. */
static size_t half_of_day(const unsigned char *text, size_t size, int is_behind_blank, int *value) {
    if (size < 2 || (text[1] != 'M' && !(text[1] == 'm' && is_behind_blank && size == 2))) return 0;
    unsigned char shift = (unsigned char)(text[1] - 'M');
    *value = text[0] == 'P' + shift;
    return *value || text[0] == 'A' + shift ? 2 : 0;
}

/* Read the parts; 0: the text is not in the format. */
static int read_parts(const unsigned char *text, size_t size, Span format, int *parts) {
    size_t at = 0;
    for (const unsigned char *here = format.text; here < format.end; here++) {
        size_t taken;
        if (*here >= PARTS)
            taken = at < size && text[at] == *here;
        else if (*here == HALF_OF_DAY)
            taken = half_of_day(text + at, size - at, at && text[at - 1] == ' ', &parts[*here]);
        else if (*here == MONTH_NAME)
            taken = name_of_month(text + at, size - at, &parts[MONTH]);
        else
            taken = number(text + at, size - at, *here == YEAR ? 4 : 2, &parts[*here]);
        if (!taken) return 0;
        at += taken;
    }
    return at == size;
}

static void put_two(unsigned char *out, int value) {
    out[0] = (unsigned char)('0' + value / 10);
    out[1] = (unsigned char)('0' + value % 10);
}

/* Write an instant; 0: there is no such one, or the text is not in the format. */
static int rewrite(unsigned char *out, const unsigned char *text, size_t size, Span format) {
    int parts[PARTS] = {0};
    if (!read_parts(text, size, format, parts)) return 0;
    if (memchr(format.text, HALF_OF_DAY, (size_t)(format.end - format.text))) {
        if (parts[HOUR_OF_HALF] > 12) return 0;
        parts[HOUR] = parts[HOUR_OF_HALF] % 12 + 12 * parts[HALF_OF_DAY];
    }
    memcpy(out, "    -  -  T  :  :  ", INSTANT_SIZE);
    put_two(out, parts[YEAR] / 100);
    put_two(out + 2, parts[YEAR] % 100);
    put_two(out + 5, parts[MONTH]);
    put_two(out + 8, parts[DAY_OF_MONTH]);
    put_two(out + 11, parts[HOUR]);
    put_two(out + 14, parts[MINUTE]);
    put_two(out + 17, parts[SECOND]);
    return is_instant(out, INSTANT_SIZE, TAKES_LOCAL);
}

/* dates(table, column, format): take the refused cells that are written in a format. Returns how many are left. */
PyObject *dates(PyObject *module, PyObject *args) {
    (void)module;
    PyObject *capsule;
    const char *bytes;
    Py_ssize_t at, length, left = 0;
    if (!PyArg_ParseTuple(args, "Ony#", &capsule, &at, &bytes, &length)) return NULL;
    Table *table = table_of(capsule);
    if (!table) return NULL;
    unsigned char code = at >= 0 && (size_t)at < table->wanted ? table->codes[at] & (unsigned char)~BY_PYTHON : 0;
    if (code != DAY && code != INSTANT) return PyErr_Format(PyExc_ValueError, "dates that the table does not have");
    Span data = span_of(table->data), format = {(const unsigned char *)bytes, (const unsigned char *)bytes + length};
    Cell *cell = table->cells + at;
    for (size_t row = 0; row < table->rows; row++, cell += table->wanted) {
        if (!(cell->size & REFUSED)) continue;
        const unsigned char *text = data.text + cell->begin;
        size_t size = cell->size & SIZE_BITS, quotes = table->is_json;
        int is_text = !(cell->size & REWRITTEN) && (!quotes || (size >= 2 && *text == '"'));
        unsigned char *out = extra_room(table, INSTANT_SIZE);
        if (!out) return PyErr_NoMemory();
        if (!is_text || !rewrite(out, text + quotes, size - 2 * quotes, format)) {
            left++;
            continue;
        }
        size = code == DAY ? DAY_SIZE : INSTANT_SIZE;
        *cell = (Cell){(uint32_t)table->extra_size, (uint32_t)size | EXTRA};
        table->extra_size += size;
    }
    return PyLong_FromSsize_t(left);
}
