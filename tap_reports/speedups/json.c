/* JSON objects, whole, one after the other: their values by key. */
#include "speedups.h"

enum { DEEPEST = 200, MOST_DIGITS = 4300 /* Python reads no longer integers */ };
enum found_value { BROKEN = 0, WHOLE = 1, CUT = 2 /* by the end of the data */ };

typedef struct {
    const unsigned char *here, *end;
} Reader;

static int is_blank(unsigned char character) { return character == ' ' || character == '\n' || character == '\r' || character == '\t'; }

static void skip_blanks(Reader *reader) {
    while (reader->here < reader->end && is_blank(*reader->here)) reader->here++;
}

static int is_hex(unsigned char character) {
    return (unsigned)(character - '0') < 10 || (unsigned)((character | 0x20) - 'a') < 6;
}

/* Go behind a string; half a surrogate pair is a string, but `is_odd`. */
static enum found_value skip_string(Reader *reader, int *is_rewritten, int *is_odd) {
    const unsigned char *here = reader->here + 1, *end = reader->end;
    for (;; here++) {
        while (here < end && *here >= 0x20 && *here != '"' && *here != '\\') here++;
        if (here == end) return CUT;
        if (*here == '"') break;
        if (*here < 0x20) return BROKEN;
        *is_rewritten = 1;
        if (end - here < 2) return CUT;
        here++;
        if (*here == 'u') {
            if (end - here < 5) return CUT;
            for (int at = 1; at <= 4; at++)
                if (!is_hex(here[at])) return BROKEN;
            *is_odd |= (here[1] | 0x20) == 'd' && here[2] > '7';
            here += 4;
        } else if (!memchr("\"\\/bfnrt", *here, 8)) {
            return BROKEN;
        }
    }
    reader->here = here + 1;
    return WHOLE;
}

static enum found_value skip_literal(Reader *reader) {
    const unsigned char *start = reader->here, *here = start, *end = reader->end;
    while (here < end && ((unsigned)((*here | 0x20) - 'a') < 26 || (unsigned)(*here - '0') < 10 || *here == '-' ||
                          *here == '+' || *here == '.'))
        here++;
    if (here == end) return CUT;
    size_t size = (size_t)(here - start);
    reader->here = here;
    if (is_boolean(start, size) || (size == 4 && !memcmp(start, "null", 4))) return WHOLE;
    return size <= MOST_DIGITS && is_number(start, size) ? WHOLE : BROKEN;
}

/* Go behind a value of any kind. */
static enum found_value skip_value(Reader *reader, int depth) {
    int ignored = 0;
    skip_blanks(reader);
    if (reader->here == reader->end) return CUT;
    unsigned char open = *reader->here, close = open == '{' ? '}' : ']';
    if (open == '"') return skip_string(reader, &ignored, &ignored);
    if (open != '{' && open != '[') return skip_literal(reader);
    if (depth == DEEPEST) return BROKEN;
    reader->here++;
    for (int is_first = 1;; is_first = 0) {
        skip_blanks(reader);
        if (reader->here == reader->end) return CUT;
        if (*reader->here == close && is_first) break;
        enum found_value found;
        if (open == '{') {
            if (*reader->here != '"') return BROKEN;
            if ((found = skip_string(reader, &ignored, &ignored)) != WHOLE) return found;
            skip_blanks(reader);
            if (reader->here == reader->end) return CUT;
            if (*reader->here++ != ':') return BROKEN;
        }
        if ((found = skip_value(reader, depth + 1)) != WHOLE) return found;
        skip_blanks(reader);
        if (reader->here == reader->end) return CUT;
        if (*reader->here == close) break;
        if (*reader->here++ != ',') return BROKEN;
    }
    reader->here++;
    return WHOLE;
}

/* The keys that are known, as they are spelled in the file. */
typedef struct {
    Span *keys;
    size_t count;
    uint32_t *slots; /* index + 1 by hash, 0: free */
    size_t mask;
    uint32_t *next; /* which key came behind each one, the last time; at `count`: the first one */
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
    free(keys->next);
}

static int learn_keys(Keys *keys, PyObject *spelled) {
    *keys = (Keys){.count = (size_t)PyTuple_Size(spelled), .mask = 15};
    while (keys->mask < keys->count * 2) keys->mask = keys->mask * 2 + 1;
    keys->keys = malloc((keys->count + 1) * sizeof(Span));
    keys->slots = calloc(keys->mask + 1, sizeof(uint32_t));
    keys->next = calloc(keys->count + 1, sizeof(uint32_t));
    if (!keys->keys || !keys->slots || !keys->next) {
        PyErr_NoMemory();
        return 0;
    }
    for (size_t at = 0; at < keys->count; at++) {
        keys->keys[at] = span_of(PyTuple_GetItem(spelled, (Py_ssize_t)at));
        if (!keys->keys[at].text) return 0;
        keys->next[at] = (uint32_t)((at + 1) % keys->count);
        size_t slot = hash_of(keys->keys[at]) & keys->mask;
        while (keys->slots[slot]) slot = (slot + 1) & keys->mask;
        keys->slots[slot] = (uint32_t)at + 1;
    }
    return 1;
}

/* Return the position of a key, `count` if it is not known; `before`: that of the key before it. */
static inline size_t key_at(Keys *keys, Span key, size_t before) {
    if (!keys->count) return 0;
    size_t guess = keys->next[before];
    if (is_same(keys->keys[guess], key)) return guess;
    for (size_t slot = hash_of(key) & keys->mask; keys->slots[slot]; slot = (slot + 1) & keys->mask) {
        guess = keys->slots[slot] - 1;
        if (is_same(keys->keys[guess], key)) {
            keys->next[before] = (uint32_t)guess;
            return guess;
        }
    }
    return keys->count;
}

/* Go behind a key and its colon if it is the one that came here the last time. */
static inline int takes_guess(Reader *reader, const Keys *keys, size_t before) {
    if (!keys->count) return 0;
    Span key = keys->keys[keys->next[before]];
    const unsigned char *here = reader->here;
    size_t size = (size_t)(key.end - key.text);
    if ((size_t)(reader->end - here) < size + 3 || here[0] != '"' || here[size + 1] != '"' || here[size + 2] != ':' ||
        memcmp(here + 1, key.text, size))
        return 0;
    reader->here = here + size + 3;
    return 1;
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

/* Go behind the key of a member and its colon; `key` is what stands between the quotes. */
static enum found_value take_key(Reader *reader, Span *key) {
    int ignored = 0;
    skip_blanks(reader);
    if (reader->here == reader->end) return CUT;
    if (*reader->here != '"') return BROKEN;
    key->text = reader->here + 1;
    enum found_value found = skip_string(reader, &ignored, &ignored);
    if (found != WHOLE) return found;
    key->end = reader->here - 1;
    skip_blanks(reader);
    if (reader->here == reader->end) return CUT;
    return *reader->here++ == ':' ? WHOLE : BROKEN;
}

/* Tell whether a text may be `="00123"`, which is for Python to read. */
static int is_guarded(const unsigned char *text, size_t size) {
    return size > 1 && ((text[0] == '=' && text[1] == '\\') || (size > 6 && !memcmp(text, "\\u003", 5)));
}

/* Find a value and set its cell. A text cell takes what Python would show as it stands: numbers and truth values. */
static enum found_value take_value(Table *table, Reader *reader, Cell *cell, size_t at, unsigned char code, int flags) {
    int is_rewritten = 0, is_odd = 0, taken;
    skip_blanks(reader);
    if (reader->here == reader->end) return CUT;
    const unsigned char *start = (const unsigned char *)PyBytes_AsString(table->data), *text = reader->here;
    int is_string = *text == '"', is_nested = *text == '{' || *text == '[';
    enum found_value found = is_string ? skip_string(reader, &is_rewritten, &is_odd) : is_nested ? skip_value(reader, 0) : skip_literal(reader);
    if (found != WHOLE || !code) return found;
    size_t size = (size_t)(reader->here - text);
    *cell = (Cell){(uint32_t)(text - start), (uint32_t)size};
    if (is_string) {
        *cell = (Cell){(uint32_t)(text + 1 - start), (uint32_t)(size - 2) | (is_rewritten ? REWRITTEN : 0)};
        if (size == 2) return WHOLE;
        if (is_rewritten) table->rewritten += size;
        taken = code == TEXT ? !is_odd && !is_guarded(text + 1, size - 2)
                             : !is_rewritten && set_plain(table, cell, code, text + 1, size - 2, flags);
    } else if (*text == 'n') {
        *cell = (Cell){0, 0};
        return WHOLE;
    } else if (is_nested || (size == 2 && text[0] == '-' && text[1] == '0')) {
        taken = 0; /* -0 is 0 in a record */
    } else {
        int is_truth = *text == 't' || *text == 'f';
        taken = code == TEXT || (code == BOOLEAN && is_truth) || (code == NUMBER && !is_truth) ||
                (code == INTEGER && is_integer(text, size));
    }
    if (taken <= 0) refuse(table, cell, at, text, size, 0);
    return WHOLE;
}

/* Go behind one object, from its brace on. If there is a table, `codes` and `wanted` say what each key's value is. */
static enum found_value take_object(Table *table, Reader *reader, Keys *keys, Unknown *unknown, Cell *cells,
                                    const unsigned char *codes, const uint16_t *wanted, int flags) {
    size_t before = keys->count;
    reader->here++;
    for (int is_first = 1;; is_first = 0) {
        Span key;
        skip_blanks(reader);
        if (reader->here == reader->end) return CUT;
        if (*reader->here == '}' && is_first) break;
        enum found_value found = WHOLE;
        size_t at;
        if (takes_guess(reader, keys, before)) {
            at = keys->next[before];
        } else {
            if ((found = take_key(reader, &key)) != WHOLE) return found;
            at = key_at(keys, key, before);
        }
        if (at < keys->count) before = at;
        else if (!unknown || !note(unknown, key)) return BROKEN;
        if (table && at < keys->count && codes[at])
            found = take_value(table, reader, cells + wanted[at], wanted[at], codes[at], flags);
        else
            found = skip_value(reader, 0);
        if (found != WHOLE) return found;
        skip_blanks(reader);
        if (reader->here == reader->end) return CUT;
        if (*reader->here == '}') break;
        if (*reader->here++ != ',') return BROKEN;
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

static enum outcome scan_json(Table *table, Reader *reader, Keys *keys, const unsigned char *codes, const uint16_t *wanted,
                              size_t most_rows, int flags) {
    if (!is_utf8(reader->here, (size_t)(reader->end - reader->here))) return MALFORMED;
    while (reader->here < reader->end && table->rows < most_rows) {
        if (*reader->here != '{') return MALFORMED;
        Cell *cells = next_row(table);
        if (!cells) return NO_MEMORY;
        memset(cells, 0, table->wanted * sizeof(Cell));
        if (take_object(table, reader, keys, NULL, cells, codes, wanted, flags) != WHOLE) return MALFORMED;
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
    Reader reader = {text.text + start, text.end};
    enum outcome outcome;
    Py_BEGIN_ALLOW_THREADS;
    outcome = scan_json(table, &reader, &keys, (const unsigned char *)codes, at, (size_t)most_rows, flags);
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

/* json_keys(data, start, keys, most objects, flags): go over whole objects from the brace at `start` on. Returns
 * where the last one ends; how many there were; the keys of the next one that are not among the known spellings;
 * and whether all of it is JSON, as far as it goes. */
PyObject *json_keys(PyObject *module, PyObject *args) {
    (void)module;
    PyObject *data, *spelled;
    Py_ssize_t start, most;
    int flags;
    if (!PyArg_ParseTuple(args, "SnO!ni", &data, &start, &PyTuple_Type, &spelled, &most, &flags)) return NULL;
    if (start < 0 || start > PyBytes_Size(data)) return PyErr_Format(PyExc_ValueError, "a start behind the end");
    Keys keys = {0};
    if (!learn_keys(&keys, spelled)) {
        forget_keys(&keys);
        return NULL;
    }
    Unknown unknown = {NULL, 0, 0};
    Span text = span_of(data);
    Reader reader = {text.text + start, text.end};
    const unsigned char *stop = reader.here;
    Py_ssize_t objects = 0;
    enum found_value found = WHOLE;
    Py_BEGIN_ALLOW_THREADS;
    while (objects < most && reader.here < reader.end && *reader.here == '{') {
        found = take_object(NULL, &reader, &keys, &unknown, NULL, NULL, NULL, flags);
        if (found != WHOLE || unknown.count) break;
        objects++;
        stop = reader.here;
        if (!skip_separator(&reader, flags & IS_LINES)) break;
    }
    if (!is_utf8(text.text + start, (size_t)(stop - text.text) - (size_t)start)) {
        found = BROKEN;
        stop = text.text + start;
        objects = 0;
    }
    Py_END_ALLOW_THREADS;
    if (found != WHOLE) unknown.count = 0;
    PyObject *fresh = listed(&unknown);
    forget_keys(&keys);
    free(unknown.keys);
    return fresh ? Py_BuildValue("(nnNi)", (Py_ssize_t)(stop - text.text), objects, fresh, found != BROKEN) : NULL;
}
