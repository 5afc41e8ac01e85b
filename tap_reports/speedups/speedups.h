/* Blocks of a report file -> the places of their cells -> JSON lines or Arrow columns.
 *
 * Everything here is all or nothing: a block that is not plainly well-formed, or has one cell that is not
 * written as its kind's values stand in JSON, is refused whole, and the paths in Python decide what it is.
 */
#ifndef TAP_REPORTS_NATIVE_H
#define TAP_REPORTS_NATIVE_H

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

/* What a cell must be. The numbers are those of `Code` in __init__.py. */
enum code {
    SKIPPED = 0, /* not wanted; a JSON value all the same */
    TEXT = 1,
    INTEGER = 2, /* up to 18 digits */
    NUMBER = 3,
    DAY = 4,
    INSTANT = 5, /* with or without offset, separator and fraction as in RFC 3339 */
    BOOLEAN = 6,
    MOMENT = 7, /* an instant in UTC of whole seconds */
    ROW = 8,    /* the row's number: only in what is written */
    CODES = 9
};

/* Where a cell's text stands in its block, quotes not included. An empty one is null. */
typedef struct {
    uint32_t begin;
    uint32_t size; /* bytes */
} Cell;

#define REWRITTEN UINT32_C(0x80000000) /* in `size`: some character is written in another way */
#define LARGEST_BLOCK ((Py_ssize_t)1 << 30)
#define WIDEST 0xffff /* wanted cells of a row */

typedef struct {
    const unsigned char *text, *end;
} Span;

typedef struct {
    PyObject *data; /* bytes */
    Cell *cells;    /* rows x wanted */
    size_t rows;
    size_t wanted;
    size_t room;      /* for so many cells */
    size_t rewritten;   /* bytes of the cells that are marked so */
    int is_json;
    unsigned char codes[WIDEST]; /* of the wanted columns */
} Table;

enum outcome { REFUSED = 0, FOUND = 1, NO_MEMORY = 2 };

/* values.c */
int is_integer(const unsigned char *text, size_t size);
int is_number(const unsigned char *text, size_t size);
int is_day(const unsigned char *text, size_t size);
int is_instant(const unsigned char *text, size_t size, int takes_local);
int is_moment(const unsigned char *text, size_t size);
int is_utf8(const unsigned char *text, size_t size);

/* csv.c, json.c, table.c */
enum outcome scan_csv(Table *table, Span data, unsigned char delimiter, const unsigned char *codes, size_t width,
                      int takes_local);
/* `texts`: what stands before each value, behind the last one, and between two objects. */
enum outcome scan_json(Table *table, Span data, const Span *texts, const unsigned char *codes, size_t width,
                       int takes_local);
Span span_of(PyObject *bytes);

static inline Cell cell_of(const unsigned char *start, const unsigned char *text, size_t size, int is_rewritten) {
    return (Cell){(uint32_t)(text - start), (uint32_t)size | (is_rewritten ? REWRITTEN : 0)};
}
Cell *next_row(Table *table); /* NULL: no memory */
PyObject *new_table(PyObject *data, Table **table);
PyObject *found_table(PyObject *capsule, Table *table, enum outcome outcome);
Table *table_of(PyObject *capsule);

/* The fields of a record: pairs of 16 bits, what to write and which of the wanted cells. */
typedef struct {
    uint16_t code;
    uint16_t at;
} Field;
const Field *fields_of(const Table *table, const char *bytes, Py_ssize_t size);

/* arrow.c */
enum { PRECISION = 38, BUFFERS = 3 };

/* A column on its way: what its array refers to. */
typedef struct {
    const void *buffers[BUFFERS]; /* validity, values or offsets, texts */
    int64_t null_count;
} Column;

void free_columns(Column *columns, size_t count);
/* Return the two capsules of columns, which are theirs from then on. */
PyObject *capsules(const Table *table, const Field *fields, const unsigned char *scales, Column *columns, size_t count);

/* lines.c, columns.c */
PyObject *lines(PyObject *module, PyObject *args);
PyObject *columns(PyObject *module, PyObject *args);

/* xlsx.c */
PyObject *sheet(PyObject *module, PyObject *args);

#endif
