/* JSON objects, whole, one after the other: their values by key. */
#include "speedups.h"
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

enum { MAX_DEPTH = 200, MAX_DIGITS = 4300 /* Python reads no longer integers */ };
enum { STEP = 16 }; /* bytes that are looked at together */
enum { MAX_KEYS = 64 }; /* of nested objects that are not closed yet */
enum found { BROKEN = 0, WHOLE = 1, CUT = 2 /* by the end of the data */, LAST = 3 /* no key follows */ };
enum { HAS_ESCAPES = 1, HAS_HALVES = 2 /* of surrogate pairs */ };

typedef struct {
    const unsigned char *start, *here, *end;
} Reader;

static int is_blank(unsigned char character) { return character == ' ' || character == '\n' || character == '\r' || character == '\t'; }

static inline void skip_blanks(Reader *reader) {
    while (reader->here < reader->end && is_blank(*reader->here)) reader->here++;
}

static int is_hex(unsigned char character) {
    return (unsigned)(character - '0') < 10 || (unsigned)((character | 0x20) - 'a') < 6;
}

#if defined(__SSE2__)
static inline __m128i bytes_at(const unsigned char *text) { return _mm_loadu_si128((const __m128i *)(const void *)text); }
#endif

/* Return where a string ends, or something in it is not plain; `high` takes the high bits on the way. */
static inline const unsigned char *plain_end(const unsigned char *here, const unsigned char *end, unsigned *high) {
#if defined(__SSE2__)
    for (; end - here >= STEP; here += STEP) {
        __m128i bytes = bytes_at(here), marks = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('"'));
        marks = _mm_or_si128(marks, _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\')));
        marks = _mm_or_si128(marks, _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x1f)), bytes));
        unsigned found = (unsigned)_mm_movemask_epi8(marks), beyond = (unsigned)_mm_movemask_epi8(bytes);
        if (found) {
            *high |= beyond & (found - 1) & ~found;
            return here + __builtin_ctz(found);
        }
        *high |= beyond;
    }
#endif
    for (; here < end && *here >= 0x20 && *here != '"' && *here != '\\'; here++) *high |= *here & 0x80u;
    return here;
}

static inline const unsigned char *digits_end(const unsigned char *here, const unsigned char *end) {
#if defined(__SSE2__)
    for (; end - here >= STEP; here += STEP) {
        __m128i digits = _mm_sub_epi8(bytes_at(here), _mm_set1_epi8('0'));
        digits = _mm_cmpeq_epi8(_mm_min_epu8(digits, _mm_set1_epi8(9)), digits);
        unsigned others = ~(unsigned)_mm_movemask_epi8(digits) & 0xffff;
        if (others) return here + __builtin_ctz(others);
    }
#endif
    while (here < end && (unsigned)(*here - '0') < 10) here++;
    return here;
}

/* Tell whether two texts are equal; `STEP` bytes more of each may be read. */
static inline int is_equal(const unsigned char *left, const unsigned char *right, size_t size) {
#if defined(__SSE2__)
    unsigned same;
    for (; size > STEP; size -= STEP, left += STEP, right += STEP)
        if (_mm_movemask_epi8(_mm_cmpeq_epi8(bytes_at(left), bytes_at(right))) != 0xffff) return 0;
    same = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(bytes_at(left), bytes_at(right)));
    return !(~same & ((1u << size) - 1));
#else
    return !memcmp(left, right, size);
#endif
}

/* Go behind a string; `has` tells what is in it. */
static inline enum found skip_string(Reader *reader, int *has) {
    const unsigned char *text = reader->here + 1, *here = text, *end = reader->end;
    unsigned high = 0;
    for (;; here++) {
        here = plain_end(here, end, &high);
        if (here == end) return CUT;
        if (*here == '"') break;
        if (*here < 0x20) return BROKEN;
        *has |= HAS_ESCAPES;
        if (end - here < 2) return CUT;
        here++;
        if (*here == 'u') {
            if (end - here < 5) return CUT;
            for (int at = 1; at <= 4; at++)
                if (!is_hex(here[at])) return BROKEN;
            if ((here[1] | 0x20) == 'd' && here[2] > '7') *has |= HAS_HALVES;
            here += 4;
        } else if (!memchr("\"\\/bfnrt", *here, 8)) {
            return BROKEN;
        }
    }
    if (high && !is_utf8(text, (size_t)(here - text))) return BROKEN;
    reader->here = here + 1;
    return WHOLE;
}

static inline enum found skip_number(Reader *reader) {
    const unsigned char *here = reader->here + (*reader->here == '-'), *end = reader->end, *digits = here;
    here = digits_end(digits, end);
    if (here == end) return CUT;
    if (here == digits || (*digits == '0' && here - digits > 1)) return BROKEN;
    if (*here == '.') {
        digits = here + 1;
        here = digits_end(digits, end);
        if (here == end) return CUT;
        if (here == digits) return BROKEN;
    }
    if ((*here | 0x20) == 'e') {
        digits = here + 1;
        digits += digits < end && (*digits == '+' || *digits == '-');
        here = digits_end(digits, end);
        if (here == end) return CUT;
        if (here == digits || here - digits > 3) return BROKEN;
    }
    if (here - reader->here > MAX_DIGITS) return BROKEN;
    reader->here = here;
    return WHOLE;
}

static enum found skip_word(Reader *reader) {
    const char *word = *reader->here == 't' ? "true" : *reader->here == 'f' ? "false" : "null";
    size_t size = strlen(word), left = (size_t)(reader->end - reader->here);
    if (memcmp(reader->here, word, left < size ? left : size)) return BROKEN;
    reader->here += left < size ? 0 : size;
    return left < size ? CUT : WHOLE;
}

static enum found skip_nested(Reader *reader, int depth);

/* Go behind a value of any kind; `has` tells what is in a string. */
static inline enum found skip_value(Reader *reader, int depth, int *has) {
    switch (*reader->here) {
    case '"': return skip_string(reader, has);
    case '{':
    case '[': return skip_nested(reader, depth);
    case 't':
    case 'f':
    case 'n': return skip_word(reader);
    default: return skip_number(reader);
    }
}

/* Go behind what separates two values, one character and what is blank around it. */
static inline enum found skip_mark(Reader *reader, unsigned char mark) {
    skip_blanks(reader);
    if (reader->here == reader->end) return CUT;
    if (*reader->here++ != mark) return BROKEN;
    skip_blanks(reader);
    return reader->here == reader->end ? CUT : WHOLE;
}

static enum found skip_nested(Reader *reader, int depth) {
    unsigned char open = *reader->here, close = open == '{' ? '}' : ']';
    int ignored = 0;
    enum found found;
    if (depth == MAX_DEPTH) return BROKEN;
    reader->here++;
    for (int is_first = 1;; is_first = 0) {
        skip_blanks(reader);
        if (reader->here == reader->end) return CUT;
        if (*reader->here == close) break;
        if (!is_first && (found = skip_mark(reader, ',')) != WHOLE) return found;
        if (open == '{') {
            if (*reader->here != '"') return BROKEN;
            if ((found = skip_string(reader, &ignored)) != WHOLE) return found;
            if ((found = skip_mark(reader, ':')) != WHOLE) return found;
        }
        if ((found = skip_value(reader, depth + 1, &ignored)) != WHOLE) return found;
    }
    reader->here++;
    return WHOLE;
}

/* What stands between two values: a comma or a brace, a key and its colon. */
typedef struct {
    const unsigned char *text;
    size_t size, key;
} Lead;

/* The keys that are known, as they are spelled in the file. */
typedef struct {
    Span *keys;
    size_t count;
    uint32_t *slots; /* index + 1 by hash, 0: free */
    size_t mask;
    Lead *leads; /* what came behind each one's value, the last time; at `count`: before the first one */
} Keys;

static size_t hash_of(Span key) {
    uint64_t hash = UINT64_C(14695981039346656037);
    for (const unsigned char *here = key.text; here < key.end; here++) hash = (hash ^ *here) * UINT64_C(1099511628211);
    return (size_t)(hash ^ hash >> 29);
}

static int is_same(Span left, Span right) {
    return left.end - left.text == right.end - right.text && !memcmp(left.text, right.text, (size_t)(left.end - left.text));
}

static void forget_keys(Keys *keys) {
    free(keys->keys);
    free(keys->slots);
    free(keys->leads);
}

static int learn_keys(Keys *keys, PyObject *spelled) {
    *keys = (Keys){.count = (size_t)PyTuple_Size(spelled), .mask = 15};
    while (keys->mask < keys->count * 2) keys->mask = keys->mask * 2 + 1;
    keys->keys = malloc((keys->count + 1) * sizeof(Span));
    keys->slots = calloc(keys->mask + 1, sizeof(uint32_t));
    keys->leads = calloc(keys->count + 1, sizeof(Lead));
    if (!keys->keys || !keys->slots || !keys->leads) {
        PyErr_NoMemory();
        return 0;
    }
    for (size_t at = 0; at < keys->count; at++) {
        keys->keys[at] = span_of(PyTuple_GetItem(spelled, (Py_ssize_t)at));
        if (!keys->keys[at].text) return 0;
        size_t slot = hash_of(keys->keys[at]) & keys->mask;
        while (keys->slots[slot]) slot = (slot + 1) & keys->mask;
        keys->slots[slot] = (uint32_t)at + 1;
    }
    return 1;
}

/* Return the position of a key, `count` if it is not known. */
static size_t key_at(const Keys *keys, Span key) {
    for (size_t slot = hash_of(key) & keys->mask; keys->slots[slot]; slot = (slot + 1) & keys->mask)
        if (is_same(keys->keys[keys->slots[slot] - 1], key)) return keys->slots[slot] - 1;
    return keys->count;
}

/* Keys that are not known yet. */
typedef struct {
    Span *keys;
    size_t count, room;
} Unknown;

static int note(Unknown *unknown, Span key) {
    if (unknown->count == unknown->room) {
        size_t room = unknown->room * 2 + 16;
        Span *more = realloc(unknown->keys, room * sizeof(Span));
        if (!more) return 0;
        unknown->keys = more;
        unknown->room = room;
    }
    unknown->keys[unknown->count++] = key;
    return 1;
}

/* Go to the next value of an object; `before`: the position of the key before it, `count` for the first one. */
static enum found find_key(Reader *reader, Keys *keys, Unknown *unknown, size_t before, int is_first, size_t *at) {
    const unsigned char *start = reader->here;
    int ignored = 0;
    enum found found;
    reader->here += is_first;
    skip_blanks(reader);
    if (reader->here == reader->end) return CUT;
    if (*reader->here == '}') return LAST;
    if (!is_first && (found = skip_mark(reader, ',')) != WHOLE) return found;
    if (*reader->here != '"') return BROKEN;
    Span key = {reader->here + 1, NULL};
    if ((found = skip_string(reader, &ignored)) != WHOLE) return found;
    key.end = reader->here - 1;
    if ((found = skip_mark(reader, ':')) != WHOLE) return found;
    *at = key_at(keys, key);
    if (*at < keys->count)
        keys->leads[before] = (Lead){start, (size_t)(reader->here - start), *at};
    else if (!unknown || !note(unknown, key))
        return BROKEN;
    return WHOLE;
}

/* Tell whether a text may be `="00123"`, which is for Python to read. */
static int is_guarded(const unsigned char *text, size_t size) {
    return size > 1 && ((text[0] == '=' && text[1] == '\\') || (size > 6 && !memcmp(text, "\\u003", 5)));
}

/* The keys of nested objects that are not closed yet, as they are written. */
typedef struct {
    Span keys[MAX_KEYS];
    size_t count;
} Opened;

/* Keep a key of the innermost object, whose keys begin at `first`; 0: it has that key already, or there are too many. */
static int is_new(Opened *opened, size_t first, Span key) {
    for (size_t at = first; at < opened->count; at++)
        if (is_same(opened->keys[at], key)) return 0;
    if (opened->count == MAX_KEYS) return 0;
    opened->keys[opened->count++] = key;
    return 1;
}

/* Write a whole string as Python does; NULL: Python must. No value is longer then than it was. */
static unsigned char *put_string(unsigned char *out, Reader *reader) {
    const unsigned char *text = reader->here;
    int has = 0;
    skip_string(reader, &has);
    if (has & HAS_HALVES) return NULL;
    size_t size = (size_t)(reader->here - text);
    if (!(has & HAS_ESCAPES)) return (unsigned char *)memcpy(out, text, size) + size;
    *out++ = '"';
    out = put_json_text(out, text + 1, reader->here - 1, 1);
    *out++ = '"';
    return out;
}

/* Do the same for a value of any kind: it loses its blanks. */
static unsigned char *put_value(unsigned char *out, Reader *reader, Opened *opened) {
    const unsigned char *text = reader->here;
    int ignored = 0;
    if (*text == '"') return put_string(out, reader);
    if (*text != '{' && *text != '[') {
        skip_value(reader, 0, &ignored);
        size_t size = (size_t)(reader->here - text);
        return size == 2 && *text == '-' && text[1] == '0' ? NULL : (unsigned char *)memcpy(out, text, size) + size;
    }
    unsigned char close = *text == '{' ? '}' : ']';
    size_t first = opened->count;
    *out++ = *reader->here++;
    for (skip_blanks(reader); *reader->here != close; skip_blanks(reader)) {
        if (*reader->here == ',') {
            *out++ = *reader->here++;
            skip_blanks(reader);
        }
        if (close == '}') {
            Span key = {out, NULL};
            if (!(out = put_string(out, reader))) return NULL;
            key.end = out;
            if (!is_new(opened, first, key)) return NULL;
            skip_mark(reader, ':');
            *out++ = ':';
        }
        if (!(out = put_value(out, reader, opened))) return NULL;
    }
    *out++ = *reader->here++;
    opened->count = first;
    return out;
}

/* Set a cell to the text of an object or an array. 1: it is taken, 0: Python must write it, -1: no memory. */
static int set_nested(Table *table, Cell *cell, const unsigned char *text, size_t size) {
    unsigned char *start = extra_room(table, size), *out;
    if (!start) return -1;
    Reader reader = {text, text, text + size};
    Opened opened = {.count = 0};
    if (!(out = put_value(start, &reader, &opened))) return 0;
    size = (size_t)(out - start);
    *cell = (Cell){(uint32_t)table->extra_size, (uint32_t)size | EXTRA | REWRITTEN};
    table->extra_size += size;
    return 1;
}

/* Find a value and set its cell. A text cell takes what Python would show as it stands: numbers and truth values. */
static inline enum found take_value(Table *table, Reader *reader, Cell *cell, size_t at, unsigned char code, int flags) {
    const unsigned char *text = reader->here;
    int has = 0, taken = 0;
    enum found found = skip_value(reader, 1, &has);
    if (found != WHOLE) return found;
    size_t size = (size_t)(reader->here - text);
    *cell = (Cell){(uint32_t)(text - reader->start), (uint32_t)size};
    switch (*text) {
    case '"':
        *cell = (Cell){cell->begin + 1, (uint32_t)(size - 2) | (has & HAS_ESCAPES ? REWRITTEN : 0)};
        if (size == 2) return WHOLE;
        if (code == TEXT)
            taken = !(has & HAS_HALVES) && !is_guarded(text + 1, size - 2);
        else if (!(has & HAS_ESCAPES))
            taken = set_plain(table, cell, code, text + 1, size - 2, flags);
        break;
    case 'n': *cell = (Cell){0, 0}; return WHOLE;
    case 't':
    case 'f': taken = code == TEXT || code == BOOLEAN; break;
    case '{':
    case '[': taken = code == TEXT ? set_nested(table, cell, text, size) : 0; break;
    default:
        if (size == 2 && text[0] == '-' && text[1] == '0') break; /* which is 0 in a record */
        taken = code == TEXT || code == NUMBER || (code == INTEGER && is_integer(text, size));
    }
    if (taken <= 0) refuse(table, cell, at, text, size, 0);
    return WHOLE;
}

/* What a key's values are; of several keys one may be spelled in several ways. */
typedef struct {
    const unsigned char *codes; /* of each spelling, 0: not wanted */
    const uint16_t *columns;
} Wanted;

/* Go behind one object, from its brace on. If there is a table, its cells are set. */
static enum found take_object(Table *table, Cell *cells, const Wanted *wanted, Reader *reader, Keys *keys, Unknown *unknown, int flags) {
    size_t before = keys->count, at = 0;
    int ignored = 0;
    for (int is_first = 1;; is_first = 0) {
        const Lead *lead = &keys->leads[before];
        enum found found = WHOLE;
        if (lead->size && (size_t)(reader->end - reader->here) > lead->size + STEP && is_equal(reader->here, lead->text, lead->size)) {
            reader->here += lead->size;
            at = lead->key;
            skip_blanks(reader);
        } else {
            found = find_key(reader, keys, unknown, before, is_first, &at);
        }
        if (found == LAST) break;
        if (found != WHOLE) return found;
        unsigned char code = wanted && at < keys->count ? wanted->codes[at] : 0;
        found = code ? take_value(table, reader, cells + wanted->columns[at], wanted->columns[at], code, flags)
                     : skip_value(reader, 1, &ignored);
        if (found != WHOLE) return found;
        if (at < keys->count) before = at;
    }
    reader->here++;
    return WHOLE;
}

/* Go behind what separates two objects: a comma, or nothing but white space. `here` is at an object then, or at the
 * end of the data; 0: something else is there. */
static int skip_separator(Reader *reader, int is_lines) {
    skip_blanks(reader);
    if (reader->here == reader->end) return 1;
    if (!is_lines) {
        if (*reader->here != ',') return 0;
        reader->here++;
        skip_blanks(reader);
    }
    return reader->here == reader->end || *reader->here == '{';
}

static enum outcome scan_json(Table *table, Reader *reader, Keys *keys, const Wanted *wanted, size_t most_rows, int flags) {
    while (reader->here < reader->end && table->rows < most_rows) {
        if (*reader->here != '{') return MALFORMED;
        Cell *cells = next_row(table);
        if (!cells) return NO_MEMORY;
        memset(cells, 0, table->wanted * sizeof(Cell));
        if (take_object(table, cells, wanted, reader, keys, NULL, flags) != WHOLE) return MALFORMED;
        if (!skip_separator(reader, flags & IS_LINES)) return MALFORMED;
    }
    return FOUND;
}

/* json(data, start, keys, codes, most rows, flags): the cells of the objects from `start` on. A code and a column for
 * each spelling of a key: `codes` has the codes of the spellings, `columns` 16 bits each, which wanted column it is. */
PyObject *json(PyObject *module, PyObject *args) {
    (void)module;
    PyObject *data, *spelled;
    const char *codes, *columns, *kinds;
    Py_ssize_t start, width, columns_size, wanted, most_rows;
    int flags;
    if (!PyArg_ParseTuple(args, "SnO!y#y#y#ni", &data, &start, &PyTuple_Type, &spelled, &codes, &width, &columns,
                          &columns_size, &kinds, &wanted, &most_rows, &flags))
        return NULL;
    const uint16_t *at = (const uint16_t *)columns;
    int is_right = PyTuple_Size(spelled) == width && columns_size == width * 2 && (uintptr_t)columns % 2 == 0 &&
                   wanted <= WIDEST && start >= 0 && start <= PyBytes_Size(data) && most_rows > 0;
    for (Py_ssize_t key = 0; is_right && key < width; key++)
        is_right = !codes[key] || (at[key] < wanted && codes[key] == kinds[at[key]]);
    for (Py_ssize_t one = 0; is_right && one < wanted; one++)
        is_right = ((unsigned char)kinds[one] & ~BY_PYTHON) < ROW && ((unsigned char)kinds[one] & ~BY_PYTHON);
    if (!is_right) return PyErr_Format(PyExc_ValueError, "keys, codes and columns that do not go together");
    Table *table;
    PyObject *capsule = new_table(data, &table);
    if (!capsule || capsule == Py_None) return capsule;
    Keys keys = {0};
    table->refused = calloc((size_t)wanted + 1, sizeof(size_t));
    table->wanted = (size_t)wanted;
    table->is_json = 1;
    memcpy(table->codes, kinds, (size_t)wanted);
    if (!table->refused) PyErr_NoMemory();
    if (!table->refused || !learn_keys(&keys, spelled)) {
        forget_keys(&keys);
        Py_DECREF(capsule);
        return NULL;
    }
    Span text = span_of(data);
    Reader reader = {text.text, text.text + start, text.end};
    enum outcome outcome;
    Py_BEGIN_ALLOW_THREADS;
    outcome = scan_json(table, &reader, &keys, &(Wanted){(const unsigned char *)codes, at}, (size_t)most_rows, flags);
    Py_END_ALLOW_THREADS;
    forget_keys(&keys);
    return found_table(capsule, table, outcome, reader.here - text.text);
}

/* Return the unknown keys as a list. */
static PyObject *listed(const Unknown *unknown) {
    PyObject *keys = PyList_New(0);
    for (size_t at = 0; keys && at < unknown->count; at++) {
        Span key = unknown->keys[at];
        PyObject *one = PyBytes_FromStringAndSize((const char *)key.text, key.end - key.text);
        if (!one || PyList_Append(keys, one)) Py_CLEAR(keys);
        Py_XDECREF(one);
    }
    return keys;
}

/* json_keys(data, start, keys, flags): go over whole objects from the brace at `start` on. Returns
 * where the last one ends; how many there were; the keys of the next one that are not among the known spellings;
 * and whether all of it is JSON, as far as it goes. */
PyObject *json_keys(PyObject *module, PyObject *args) {
    (void)module;
    PyObject *data, *spelled;
    Py_ssize_t start;
    int flags;
    if (!PyArg_ParseTuple(args, "SnO!i", &data, &start, &PyTuple_Type, &spelled, &flags)) return NULL;
    if (start < 0 || start > PyBytes_Size(data)) return PyErr_Format(PyExc_ValueError, "a start behind the end");
    Keys keys = {0};
    if (!learn_keys(&keys, spelled)) {
        forget_keys(&keys);
        return NULL;
    }
    Unknown unknown = {NULL, 0, 0};
    Span text = span_of(data);
    Reader reader = {text.text, text.text + start, text.end};
    const unsigned char *stop = reader.here;
    Py_ssize_t objects = 0;
    enum found found = WHOLE;
    Py_BEGIN_ALLOW_THREADS;
    while (reader.here < reader.end && *reader.here == '{') {
        found = take_object(NULL, NULL, NULL, &reader, &keys, &unknown, flags);
        if (found != WHOLE || unknown.count) break;
        objects++;
        stop = reader.here;
        if (!skip_separator(&reader, flags & IS_LINES)) break;
    }
    Py_END_ALLOW_THREADS;
    if (found != WHOLE) unknown.count = 0;
    PyObject *fresh = listed(&unknown);
    forget_keys(&keys);
    free(unknown.keys);
    return fresh ? Py_BuildValue("(nnNi)", (Py_ssize_t)(stop - text.text), objects, fresh, found != BROKEN) : NULL;
}
