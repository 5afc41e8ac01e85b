/* Blocks of a report file -> cells -> JSON lines or Arrow columns.
 *
 * A cell that is not written as its kind's values stand in records is marked as refused: Python converts it
 * (`convert`) and its text is used in place of the cell's. A block is refused as a whole only where its
 * structure is not plainly that of CSV or JSON: then Python reads it.
 */
#ifndef TAP_REPORTS_SPEEDUPS_H
#define TAP_REPORTS_SPEEDUPS_H

#define PY_SSIZE_T_CLEAN
#define Py_LIMITED_API 0x030B0000
#include <Python.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#if SIZE_MAX < UINT64_MAX
#error "sizes are computed in 64 bits"
#endif
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "decimals are laid out in little-endian order"
#endif

/* What a cell holds. The numbers are those of `Code` in codes.py. */
enum code {
    SKIPPED = 0, /* not wanted; a JSON value all the same */
    TEXT = 1,
    INTEGER = 2,
    NUMBER = 3,
    DAY = 4,
    INSTANT = 5,
    BOOLEAN = 6,
    ROW = 7, /* the row's number: only in what is written */
    CODES = 8,
    BY_PYTHON = 0x80 /* with one of those above: each cell that is not empty is refused */
};

/* Flags of a call. */
enum { TAKES_LOCAL = 1, TAKES_THOUSANDS = 2, IS_LINES = 4, IS_MARKED = 8, DECIMAL_COMMA = 16 };

/* Where a cell's text stands, quotes not included. An empty one is null. */
typedef struct {
    uint32_t begin; /* in the block, or in the table's `extra` */
    uint32_t size;  /* bytes, and what follows */
} Cell;

#define REWRITTEN UINT32_C(0x80000000) /* some character is written in another way */
#define EXTRA UINT32_C(0x40000000)     /* the text is in `extra`, and is the plain text of the value */
#define REFUSED UINT32_C(0x20000000)   /* to be converted by Python; of JSON, the text is the whole value */
#define SIZE_BITS UINT32_C(0x1fffffff)
#define LARGEST_BLOCK ((Py_ssize_t)1 << 29)
#define WIDEST 0xffff /* wanted cells of a row */

typedef struct {
    const unsigned char *text, *end;
} Span;

typedef struct {
    PyObject *data; /* bytes */
    Cell *cells;    /* rows x wanted */
    size_t rows;
    size_t wanted;
    size_t room;        /* for so many cells */
    unsigned char *extra;
    size_t extra_size, extra_room;
    uint32_t *numbers;  /* of the rows within the block, from 0; NULL: one after the other */
    size_t *refused;    /* for each wanted column, how many cells are or were */
    int is_json;
    unsigned char codes[WIDEST]; /* of the wanted columns */
} Table;

enum outcome { MALFORMED = 0, FOUND = 1, NO_MEMORY = 2 };

/* values.c */
int is_integer(const unsigned char *text, size_t size);
int is_number(const unsigned char *text, size_t size);
int is_day(const unsigned char *text, size_t size);
int is_instant(const unsigned char *text, size_t size, int flags);
int is_boolean(const unsigned char *text, size_t size);
int is_utf8(const unsigned char *text, size_t size);
/* Write `$1,234.50` as `1234.50`; returns its size, 0 if it is not such a number. `out` has room for `size`. */
size_t clean_number(unsigned char *out, const unsigned char *text, size_t size, int flags);

/* table.c */
PyObject *new_table(PyObject *data, Table **table);
PyObject *found_table(PyObject *capsule, Table *table, enum outcome outcome, Py_ssize_t end);
Table *table_of(PyObject *capsule);
Cell *next_row(Table *table); /* NULL: no memory */
unsigned char *extra_room(Table *table, size_t size); /* where so many bytes may be written; NULL: no memory */
/* Set a cell to a text that is not JSON's or CSV's but the value's. Returns 0: no memory. */
int set_plain(Table *table, Cell *cell, unsigned char code, const unsigned char *text, size_t size, int flags);
void refuse(Table *table, Cell *cell, size_t at, const unsigned char *text, size_t size, int is_rewritten);
Span span_of(PyObject *bytes);

static inline const unsigned char *text_of(const Table *table, Span data, Cell cell) {
    return (cell.size & EXTRA ? table->extra : data.text) + cell.begin;
}

/* The fields of a record: pairs of 16 bits, what to write and which of the wanted cells. */
typedef struct {
    uint16_t code;
    uint16_t at;
} Field;
const Field *fields_of(const Table *table, const char *bytes, Py_ssize_t size);

/* csv.c, json.c */
enum outcome scan_csv(Table *table, Span data, unsigned char delimiter, const unsigned char *codes, size_t width,
                      size_t header_at, Span header, int flags);
PyObject *json(PyObject *module, PyObject *args);
PyObject *json_keys(PyObject *module, PyObject *args);
unsigned char *put_instant(unsigned char *out, const unsigned char *text, size_t size, Span zone, int is_roomy);
unsigned char *put_json_text(unsigned char *out, const unsigned char *text, const unsigned char *end, int is_escaped);

/* arrow.c */
enum { PRECISION = 38, BUFFERS = 3, OFFSET = 6 }; /* digits of a decimal, and bytes of `+00:00` */

/* A column on its way: what its array refers to. */
typedef struct {
    const void *buffers[BUFFERS]; /* validity, values or offsets, texts */
    int64_t null_count;
    size_t room;        /* for so many bytes of texts */
    int whole, scale;   /* digits of decimals before the point and behind it */
    unsigned char code; /* what its values are; TEXT for those that do not fit their type */
} Column;

void free_buffers(Column *column);
void free_columns(Column *columns, size_t count);
/* Return the two capsules of columns, which are theirs from then on. */
PyObject *capsules(const Table *table, Column *columns, size_t count);

/* typed.c */
typedef struct {
    uint64_t low, high; /* as a decimal lies in memory of this order of bytes */
} Wide;

/* Set an integer; 0: it has more than 64 bits. */
int integer(const unsigned char *text, size_t size, int64_t *value);
/* Set a JSON number behind others of its column, which get more digits behind the point where this one has more.
 * 0: a decimal has not so many digits. */
int decimal(const unsigned char *here, const unsigned char *end, Column *column, size_t row);
int32_t day_of(const unsigned char *text); /* days since 1970-01-01, by the calendar */
/* Set microseconds since 1970-01-01 in UTC; 0: the instant has a finer fraction. */
int moment(const unsigned char *text, size_t size, Span zone, int64_t *value);

/* dates.c, convert.c, lines.c, columns.c */
PyObject *dates(PyObject *module, PyObject *args);
PyObject *convert(PyObject *module, PyObject *args);
PyObject *drop_nulls(PyObject *module, PyObject *args);
PyObject *days(PyObject *module, PyObject *args);
PyObject *lines(PyObject *module, PyObject *args);
PyObject *columns(PyObject *module, PyObject *args);

/* xlsx.c */
PyObject *sheet(PyObject *module, PyObject *args);

#endif
