/* The inner loops of `pixlm.rendering.assembly`, compiled: words and runs of glyphs, cells of sprites.
 *
 * Everything here is also written in Python (`assembly.inks`, `pieces`, `tiles`, `sprites`), which is what runs where this module was
 * not built, and gives the same bytes. Python's limited API is used, so that one build serves every version from 3.11.
 *
 * Nothing that comes in is trusted: lengths of buffers are checked, numbers are reckoned with in 64 bits, sizes are
 * limited, and glyphs that HarfBuzz could not have given are an error.
 */

#ifndef Py_LIMITED_API
#define Py_LIMITED_API 0x030B0000
#endif
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdint.h>
#include <string.h>

#define INTERFACE 4 /* goes up when arguments or results change; `pixlm.rendering.compiled` asks for it */

enum { UNITS = 1024, RECORD = 20, MOST_ROWS = 4096, MOST_COLUMNS = 1 << 20, MOST_GLYPHS = 1 << 24 };
enum { UNSAFE_TO_BREAK = 1, UNSAFE_TO_CONCAT = 2 }; /* hb_glyph_flags_t */
#define EMPTY_GLYPH 0x0FFFFFFFu
#define UNKNOWN_GLYPH 0x0FFFFFFEu

static int64_t
to_pixels(int64_t units) /* rounded, halves up */
{
    units += UNITS / 2;
    return units >= 0 ? units / UNITS : -((-units + UNITS - 1) / UNITS);
}

/* ---- Glyphs: the bitmaps of a font, by glyph number */

typedef struct {
    int32_t left, top;     /* as of `font.Bitmap` */
    int32_t rows, columns;
    int32_t first, end;    /* the columns with ink, */
    int32_t upper, lower;  /* and the rows; end and lower not included */
    unsigned char alpha[]; /* column by column */
} Bitmap;

typedef struct {
    PyObject_HEAD
    PyObject *load; /* glyph -> (left, top, rows, columns, coverage row by row) */
    Bitmap **table;
    size_t size;
} Glyphs;

static PyObject *
glyphs_new(PyTypeObject *type, PyObject *args, PyObject *keywords)
{
    PyObject *load;
    if (keywords != NULL && PyDict_Size(keywords) > 0) {
        PyErr_SetString(PyExc_TypeError, "Glyphs takes no keywords");
        return NULL;
    }
    if (!PyArg_ParseTuple(args, "O:Glyphs", &load))
        return NULL;
    allocfunc alloc = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
    Glyphs *self = (Glyphs *)alloc(type, 0);
    if (self != NULL)
        self->load = Py_NewRef(load);
    return (PyObject *)self;
}

static void
glyphs_dealloc(PyObject *object)
{
    Glyphs *self = (Glyphs *)object;
    PyTypeObject *type = Py_TYPE(object);
    for (size_t glyph = 0; glyph < self->size; glyph++)
        PyMem_Free(self->table[glyph]);
    PyMem_Free(self->table);
    Py_XDECREF(self->load);
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);
    release(object);
    Py_DECREF(type);
}

static Bitmap *
read_bitmap(PyObject *found)
{
    int left, top, rows, columns;
    Py_buffer pixels;
    if (!PyTuple_Check(found)) {
        PyErr_SetString(PyExc_TypeError, "a bitmap must be a tuple");
        return NULL;
    }
    if (!PyArg_ParseTuple(found, "iiiiy*", &left, &top, &rows, &columns, &pixels))
        return NULL;
    Bitmap *bitmap = NULL;
    if (rows < 0 || columns < 0 || rows > MOST_COLUMNS || columns > MOST_COLUMNS ||
        pixels.len != (Py_ssize_t)((int64_t)rows * columns))
        PyErr_SetString(PyExc_ValueError, "a bitmap has not as many pixels as its size says");
    else if ((bitmap = PyMem_Malloc(sizeof(Bitmap) + (size_t)pixels.len)) == NULL)
        PyErr_NoMemory();
    else {
        const unsigned char *source = pixels.buf;
        *bitmap = (Bitmap){left, top, rows, columns, columns, 0, rows, 0};
        for (int32_t row = 0; row < rows; row++)
            for (int32_t column = 0; column < columns; column++) {
                unsigned char value = source[(int64_t)row * columns + column];
                bitmap->alpha[(int64_t)column * rows + row] = value;
                if (!value)
                    continue;
                if (column < bitmap->first)
                    bitmap->first = column;
                if (column >= bitmap->end)
                    bitmap->end = column + 1;
                if (row < bitmap->upper)
                    bitmap->upper = row;
                bitmap->lower = row + 1;
            }
    }
    PyBuffer_Release(&pixels);
    return bitmap;
}

static const Bitmap *
bitmap_of(Glyphs *self, uint32_t glyph)
{
    if (glyph < self->size && self->table[glyph] != NULL)
        return self->table[glyph];
    if (glyph >= MOST_GLYPHS) {
        PyErr_Format(PyExc_ValueError, "no font has a glyph %u", (unsigned int)glyph);
        return NULL;
    }
    PyObject *found = PyObject_CallFunction(self->load, "I", (unsigned int)glyph);
    if (found == NULL)
        return NULL;
    Bitmap *bitmap = read_bitmap(found);
    Py_DECREF(found);
    if (bitmap == NULL)
        return NULL;
    if (glyph >= self->size) {
        size_t size = (size_t)glyph + 256;
        Bitmap **table = PyMem_Realloc(self->table, size * sizeof(Bitmap *));
        if (table == NULL) {
            PyMem_Free(bitmap);
            PyErr_NoMemory();
            return NULL;
        }
        memset(table + self->size, 0, (size - self->size) * sizeof(Bitmap *));
        self->table = table;
        self->size = size;
    }
    if (self->table[glyph] != NULL) /* the call above came here, too */
        PyMem_Free(bitmap);
    else
        self->table[glyph] = bitmap;
    return self->table[glyph];
}

/* ---- words: all words of a line that are met for the first time */

typedef struct {
    const char *infos, *positions; /* records of HarfBuzz: hb_glyph_info_t, hb_glyph_position_t */
    Py_ssize_t count;
    int64_t length; /* of the text, in code points */
    int rtl;
    long circle; /* glyph, or -1 */
} Shaped;

typedef struct {
    const Bitmap *bitmap;
    int64_t column; /* of its origin, from the word's left end */
    int64_t row;
} Placed;

static uint32_t
info(const Shaped *shaped, Py_ssize_t index, int field) /* 0 glyph, 1 mask, 2 cluster */
{
    uint32_t value;
    memcpy(&value, shaped->infos + index * RECORD + 4 * field, 4);
    return value;
}

static int64_t
position(const Shaped *shaped, Py_ssize_t index, int field) /* 0, 1 advances, 2, 3 offsets in x and y */
{
    int32_t value;
    memcpy(&value, shaped->positions + index * RECORD + 4 * field, 4);
    return value;
}

static Py_ssize_t
first_at(const Shaped *shaped, int64_t place) /* the first glyph at a place or beyond, in visual order */
{
    Py_ssize_t low = 0, high = shaped->count;
    while (low < high) {
        Py_ssize_t middle = (low + high) / 2;
        int64_t cluster = info(shaped, middle, 2);
        if ((shaped->rtl ? shaped->length - 1 - cluster : cluster) < place)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static int /* see ShapedApart.is_apart in font.py */
is_apart(const Shaped *shaped, Py_ssize_t first, Py_ssize_t last, int64_t start, int64_t end)
{
    int rtl = shaped->rtl, outward = rtl ? -1 : 1;
    int64_t before = rtl ? end : start - 1, after = rtl ? start - 1 : end;
    if (first < 2 || last <= first || last + 1 >= shaped->count)
        return 0;
    if (info(shaped, rtl ? last - 1 : first, 2) != start)
        return 0;
    if ((int64_t)info(shaped, first - 2, 2) != before - outward || (int64_t)info(shaped, first - 1, 2) != before ||
        (int64_t)info(shaped, last, 2) != after || (int64_t)info(shaped, last + 1, 2) != after + outward)
        return 0;
    for (Py_ssize_t index = first; index < last; index++)
        if ((int64_t)info(shaped, index, 0) == shaped->circle)
            return 0;
    if ((info(shaped, first - 2, 1) | info(shaped, last + 1, 1)) & UNSAFE_TO_CONCAT)
        return 0;
    Py_ssize_t left = rtl ? last - 1 : first, right = rtl ? first - 1 : last;
    return !((info(shaped, left, 1) | info(shaped, right, 1)) & UNSAFE_TO_BREAK);
}

/* The inked columns of a bitmap that are on a canvas of so many rows; 0 if there are none. */
static int
visible(const Bitmap *bitmap, int64_t row, int rows, int32_t *first, int32_t *end)
{
    int64_t top = row - bitmap->top;
    *first = bitmap->first;
    *end = bitmap->end;
    if (bitmap->first >= bitmap->end)
        return 0;
    if (top + bitmap->upper >= 0 && top + bitmap->lower <= rows)
        return 1;
    int64_t begin = top < 0 ? -top : 0, stop = rows - top < bitmap->rows ? rows - top : bitmap->rows;
    *first = bitmap->columns;
    *end = 0;
    for (int32_t column = bitmap->first; column < bitmap->end; column++)
        for (int64_t at = begin; at < stop; at++)
            if (bitmap->alpha[(int64_t)column * bitmap->rows + at]) {
                if (column < *first)
                    *first = column;
                *end = column + 1;
                break;
            }
    return *first < *end;
}

/* Columns [low, high) of glyphs of one run in black ink: bytes, column by column. */
static PyObject *
paint(const Placed *placed, Py_ssize_t count, int64_t low, int64_t high, int rows, int colour)
{
    int64_t size = (high - low) * rows;
    PyObject *data = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)(colour ? 3 * size : size));
    if (data == NULL)
        return NULL;
    unsigned char *paper = (unsigned char *)PyBytes_AsString(data);
    memset(paper, 255, (size_t)size);
    for (Py_ssize_t index = 0; index < count; index++) { /* coverage adds up, limited to 255 */
        const Bitmap *bitmap = placed[index].bitmap;
        int64_t top = placed[index].row;
        int64_t begin = top < 0 ? -top : 0, stop = rows - top < bitmap->rows ? rows - top : bitmap->rows;
        for (int32_t column = bitmap->first; column < bitmap->end; column++) {
            int64_t at = placed[index].column + column - low;
            if (at < 0 || at >= high - low)
                continue; /* its ink is above or below the canvas */
            unsigned char *target = paper + at * rows;
            const unsigned char *alpha = bitmap->alpha + (int64_t)column * bitmap->rows;
            for (int64_t row = begin; row < stop; row++)
                target[top + row] = target[top + row] > alpha[row] ? target[top + row] - alpha[row] : 0;
        }
    }
    if (colour)
        for (int64_t at = size - 1; at >= 0; at--)
            memset(paper + 3 * at, paper[at], 3);
    return data;
}

/* (data, width, first, last) of a word's ink, None if it has to go another way. */
static PyObject *
draw_word(Glyphs *glyphs, const Shaped *shaped, Py_ssize_t first, Py_ssize_t last, int64_t baseline, int rows,
          int colour, Placed *placed)
{
    int64_t pen = 0, low = 0, high = 0;
    Py_ssize_t count = 0;
    for (Py_ssize_t index = first; index < last; index++) {
        uint32_t glyph = info(shaped, index, 0);
        int64_t advance = position(shaped, index, 0), dx = position(shaped, index, 2);
        if (glyph == UNKNOWN_GLYPH)
            return Py_NewRef(Py_None);
        if (advance < 0) { /* as Pango does it, before it rounds */
            advance = -advance;
            dx += advance;
        }
        if (glyph != EMPTY_GLYPH) {
            const Bitmap *bitmap = bitmap_of(glyphs, glyph);
            if (bitmap == NULL)
                return NULL;
            int32_t begin, end;
            int64_t row = to_pixels(baseline - position(shaped, index, 3));
            if (visible(bitmap, row, rows, &begin, &end)) {
                int64_t column = pen + to_pixels(dx) + bitmap->left;
                placed[count++] = (Placed){bitmap, column, row - bitmap->top};
                if (column + begin < low)
                    low = column + begin;
                if (column + end > high)
                    high = column + end;
            }
        }
        pen += to_pixels(advance);
    }
    if (low < -rows || high > pen + rows || pen > MOST_COLUMNS)
        return Py_NewRef(Py_None);
    PyObject *data = paint(placed, count, low, high, rows, colour);
    return data == NULL ? NULL : Py_BuildValue("NLLL", data, (long long)pen, (long long)low, (long long)high);
}

PyDoc_STRVAR(words_doc,
"words(glyphs, infos, positions, words, rtl, circle, baseline, rows, colour)\n--\n\n"
"The ink of words that were shaped together: two spaces, the words with three spaces between them, two spaces.\n\n"
"infos, positions: HarfBuzz's records; circle: the glyph of U+25CC or -1; baseline: units from the top of a canvas of\n"
"so many rows. For each word (data, width, first, last) as of `pieces.Picture`, or None if it cannot be drawn apart.\n"
"None if there is a circle among several words.");

static PyObject *
words(PyObject *module, PyObject *args)
{
    PyObject *store, *texts, *result = NULL;
    Py_buffer infos, positions;
    int rtl, rows, colour;
    long circle;
    long long baseline;
    PyTypeObject *type = *(PyTypeObject **)PyModule_GetState(module);
    if (!PyArg_ParseTuple(args, "Oy*y*OplLip:words", &store, &infos, &positions, &texts, &rtl, &circle, &baseline,
                          &rows, &colour))
        return NULL;
    Placed *placed = NULL;
    Shaped shaped = {infos.buf, positions.buf, infos.len / RECORD, 4, rtl, circle};
    if (!PyObject_TypeCheck(store, type) || !PyList_Check(texts)) {
        PyErr_SetString(PyExc_TypeError, "words takes Glyphs, two buffers and a list of words");
        goto done;
    }
    if (infos.len != positions.len || infos.len % RECORD || rows < 1 || rows > MOST_ROWS ||
        baseline > INT32_MAX || baseline < INT32_MIN) {
        PyErr_SetString(PyExc_ValueError, "records, rows or baseline out of range");
        goto done;
    }
    Py_ssize_t count = PyList_Size(texts);
    for (Py_ssize_t index = 0; index < count; index++) {
        Py_ssize_t length = PyUnicode_GetLength(PyList_GetItem(texts, index));
        if (length < 0)
            goto done;
        shaped.length += length + (index ? 3 : 0);
    }
    if (count > 1)
        for (Py_ssize_t index = 0; index < shaped.count; index++)
            if ((int64_t)info(&shaped, index, 0) == circle) {
                result = Py_NewRef(Py_None);
                goto done;
            }
    if ((placed = PyMem_Malloc((size_t)(shaped.count + 1) * sizeof(Placed))) == NULL) {
        PyErr_NoMemory();
        goto done;
    }
    if ((result = PyList_New(count)) == NULL)
        goto done;
    int64_t start = 2;
    for (Py_ssize_t index = 0; index < count; index++) {
        PyObject *text = PyList_GetItem(texts, index); /* borrowed; drawing may run Python code, which could drop it */
        Py_ssize_t length = text == NULL ? -1 : PyUnicode_GetLength(text);
        if (length < 0) {
            Py_CLEAR(result);
            goto done;
        }
        int64_t end = start + length;
        Py_ssize_t first = first_at(&shaped, rtl ? shaped.length - end : start);
        Py_ssize_t last = first_at(&shaped, rtl ? shaped.length - start : end);
        PyObject *ink = is_apart(&shaped, first, last, start, end)
                            ? draw_word((Glyphs *)store, &shaped, first, last, baseline, rows, colour, placed)
                            : Py_NewRef(Py_None);
        if (ink == NULL) {
            Py_CLEAR(result);
            goto done;
        }
        PyList_SetItem(result, index, ink);
        start = end + 3;
    }
done:
    PyMem_Free(placed);
    PyBuffer_Release(&infos);
    PyBuffer_Release(&positions);
    return result;
}

/* ---- run: one run of a line that was laid out */

PyDoc_STRVAR(run_doc,
"run(glyphs, numbers, x, y, baseline, rows, colour)\n--\n\n"
"The ink of a run: the numbers of its glyphs, and their origins in units right of its start and below its baseline.\n"
"(data, first, last) as of `pieces.Picture`, or None if it is too wide.");

static PyObject *
run(PyObject *module, PyObject *args)
{
    PyObject *store, *numbers, *xs, *ys, *result = NULL;
    int rows, colour;
    long long baseline;
    PyTypeObject *type = *(PyTypeObject **)PyModule_GetState(module);
    if (!PyArg_ParseTuple(args, "OOOOLip:run", &store, &numbers, &xs, &ys, &baseline, &rows, &colour))
        return NULL;
    if (!PyObject_TypeCheck(store, type) || !PyList_Check(numbers) || !PyList_Check(xs) || !PyList_Check(ys)) {
        PyErr_SetString(PyExc_TypeError, "run takes Glyphs and three lists");
        return NULL;
    }
    Py_ssize_t count = PyList_Size(numbers), used = 0;
    if (PyList_Size(xs) != count || PyList_Size(ys) != count || rows < 1 || rows > MOST_ROWS || baseline > INT32_MAX ||
        baseline < INT32_MIN) {
        PyErr_SetString(PyExc_ValueError, "lists of different lengths, or rows or baseline out of range");
        return NULL;
    }
    Placed *placed = PyMem_Malloc((size_t)(count + 1) * sizeof(Placed));
    if (placed == NULL)
        return PyErr_NoMemory();
    int64_t low = 0, high = 0;
    for (Py_ssize_t index = 0; index < count; index++) {
        PyObject *number = PyList_GetItem(numbers, index), *x = PyList_GetItem(xs, index), *y = PyList_GetItem(ys, index);
        if (number == NULL || x == NULL || y == NULL)
            goto done;
        long long glyph = PyLong_AsLongLong(number), right = PyLong_AsLongLong(x), down = PyLong_AsLongLong(y);
        if (PyErr_Occurred())
            goto done;
        if (glyph == EMPTY_GLYPH)
            continue;
        if (glyph < 0 || glyph > MOST_GLYPHS || right > INT64_MAX / 4 || right < INT64_MIN / 4 || down > INT32_MAX ||
            down < INT32_MIN) {
            PyErr_SetString(PyExc_ValueError, "a glyph's number or place is out of range");
            goto done;
        }
        const Bitmap *bitmap = bitmap_of((Glyphs *)store, (uint32_t)glyph);
        if (bitmap == NULL)
            goto done;
        int32_t begin, end;
        int64_t row = to_pixels(baseline + down);
        if (!visible(bitmap, row, rows, &begin, &end))
            continue;
        int64_t column = to_pixels(right) + bitmap->left;
        if (!used || column + begin < low)
            low = column + begin;
        if (!used || column + end > high)
            high = column + end;
        placed[used++] = (Placed){bitmap, column, row - bitmap->top};
    }
    if (high - low > MOST_COLUMNS)
        result = Py_NewRef(Py_None);
    else {
        PyObject *data = paint(placed, used, low, high, rows, colour);
        if (data != NULL)
            result = Py_BuildValue("NLL", data, (long long)low, (long long)high);
    }
done:
    PyMem_Free(placed);
    return result;
}

/* ---- cells: sprites composited on patches */

/* Black ink of coverage 255 - ink over paper, with pixman's rounding: in colour, and in grey, where coverage is collected
 * and inverted at the end. */
static unsigned char
over(unsigned int paper, unsigned int ink, int colour)
{
    unsigned int product = (colour ? paper : 255 - paper) * ink + 128;
    product = (product + (product >> 8)) >> 8;
    return (unsigned char)(colour ? product : ink - product);
}

typedef struct {
    Py_buffer ink; /* column by column */
    int64_t at, columns;
    int is_one_run;
} Sprite;

/* Columns [first, last) of a canvas that begins at column `begin`, as bytes row by row. */
static void
copy_rows(unsigned char *target, const unsigned char *canvas, int64_t begin, int64_t first, int64_t last, int rows,
          int channels)
{
    for (int row = 0; row < rows; row++) {
        const unsigned char *source = canvas + ((first - begin) * rows + row) * channels;
        for (int64_t column = first; column < last; column++, source += rows * channels)
            for (int channel = 0; channel < channels; channel++)
                *target++ = source[channel];
    }
}

static PyObject *
rows_of(const unsigned char *canvas, int64_t begin, int64_t first, int64_t last, int rows, int channels)
{
    int64_t size = last > first ? (last - first) * rows * channels : 0;
    PyObject *data = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)size);
    if (data != NULL && size)
        copy_rows((unsigned char *)PyBytes_AsString(data), canvas, begin, first, last, rows, channels);
    return data;
}

static PyObject *
composite(const Sprite *sprites, Py_ssize_t count, int64_t patches, int rows, int channels)
{
    int64_t end = patches * rows, low = 0, high = end, right = INT64_MIN;
    for (Py_ssize_t index = 0; index < count; index++) {
        const Sprite *sprite = &sprites[index];
        int64_t last = sprite->at + sprite->columns;
        if (sprite->at < right && !sprite->is_one_run) /* its runs would have to be laid over what is there one by one */
            return Py_NewRef(Py_None);
        if (last > right)
            right = last;
        if (sprite->at < low)
            low = sprite->at;
        if (last > high)
            high = last;
    }
    if (high - low > MOST_COLUMNS)
        return Py_NewRef(Py_None);
    size_t size = (size_t)((high - low) * rows * channels);
    unsigned char *canvas = PyMem_Malloc(size + 1);
    if (canvas == NULL)
        return PyErr_NoMemory();
    memset(canvas, 255, size);
    right = low; /* white from this column on */
    for (Py_ssize_t index = 0; index < count; index++) {
        const Sprite *sprite = &sprites[index];
        const unsigned char *ink = sprite->ink.buf;
        unsigned char *target = canvas + (sprite->at - low) * rows * channels;
        Py_ssize_t length = sprite->ink.len;
        int64_t inked = (right - sprite->at) * rows * channels;
        Py_ssize_t both = inked <= 0 ? 0 : inked < length ? (Py_ssize_t)inked : length;
        for (Py_ssize_t at = 0; at < both; at++)
            target[at] = target[at] == 255 ? ink[at] : over(target[at], ink[at], channels == 3);
        if (length > both)
            memcpy(target + both, ink + both, (size_t)(length - both));
        if (sprite->at + sprite->columns > right)
            right = sprite->at + sprite->columns;
    }
    int64_t patch = (int64_t)rows * rows * channels;
    PyObject *left = NULL, *after = NULL, *result = NULL;
    PyObject *data = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)(patches * patch));
    if (data != NULL) {
        unsigned char *pixels = (unsigned char *)PyBytes_AsString(data);
        for (int64_t number = 0; number < patches; number++)
            copy_rows(pixels + number * patch, canvas, low, number * rows, (number + 1) * rows, rows, channels);
        left = rows_of(canvas, low, low, 0, rows, channels);
        after = rows_of(canvas, low, end, high, rows, channels);
        if (left != NULL && after != NULL)
            result = PyTuple_Pack(3, data, left, after);
    }
    Py_XDECREF(data);
    Py_XDECREF(left);
    Py_XDECREF(after);
    PyMem_Free(canvas);
    return result;
}

static PyObject *
draw_cell(PyObject *cell, int rows, int channels)
{
    long long patches;
    PyObject *parts, *result = NULL;
    if (!PyTuple_Check(cell) || !PyArg_ParseTuple(cell, "LO", &patches, &parts)) {
        if (!PyErr_Occurred())
            PyErr_SetString(PyExc_TypeError, "cells are tuples of patches and sprites");
        return NULL;
    }
    if (!PyList_Check(parts) || patches < 0 || patches > MOST_COLUMNS / rows) {
        PyErr_SetString(PyExc_ValueError, "cells have a number of patches and a list of sprites");
        return NULL;
    }
    Py_ssize_t count = PyList_Size(parts), read = 0;
    Sprite *sprites = PyMem_Malloc((size_t)(count + 1) * sizeof(Sprite));
    if (sprites == NULL)
        return PyErr_NoMemory();
    while (read < count) {
        PyObject *part = PyList_GetItem(parts, read);
        Sprite *sprite = &sprites[read];
        long long at;
        if (part == NULL || !PyTuple_Check(part)) {
            if (part != NULL)
                PyErr_SetString(PyExc_TypeError, "a sprite must be a tuple");
            break;
        }
        if (!PyArg_ParseTuple(part, "y*Lp", &sprite->ink, &at, &sprite->is_one_run))
            break;
        sprite->at = at;
        sprite->columns = sprite->ink.len / ((int64_t)rows * channels);
        read++;
        if (at < -MOST_COLUMNS || at > MOST_COLUMNS || sprite->columns > MOST_COLUMNS ||
            sprite->ink.len % (rows * channels)) {
            PyErr_SetString(PyExc_ValueError, "a sprite is no list of columns, or far away");
            break;
        }
    }
    if (!PyErr_Occurred())
        result = composite(sprites, count, patches, rows, channels);
    while (read > 0)
        PyBuffer_Release(&sprites[--read].ink);
    PyMem_Free(sprites);
    return result;
}

PyDoc_STRVAR(cells_doc,
"cells(cells, rows, channels)\n--\n\n"
"Cells drawn, each given by its patches and the list of its sprites: columns of ink, the pixel of the first, and\n"
"whether they are one run. For each (patches, left, right): uint8 [patches, P, P(, 3)] and the ink beyond, uint8\n"
"[P, columns(, 3)]; or None where a line of several runs reaches onto what is there.");

static PyObject *
cells(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *given;
    int rows, channels;
    if (!PyArg_ParseTuple(args, "Oii:cells", &given, &rows, &channels))
        return NULL;
    if (!PyList_Check(given) || rows < 1 || rows > MOST_ROWS || (channels != 1 && channels != 3)) {
        PyErr_SetString(PyExc_ValueError, "cells takes a list, a height and 1 or 3 channels");
        return NULL;
    }
    Py_ssize_t count = PyList_Size(given);
    PyObject *result = PyList_New(count);
    for (Py_ssize_t index = 0; result != NULL && index < count; index++) {
        PyObject *cell = PyList_GetItem(given, index);
        PyObject *drawn = cell == NULL ? NULL : draw_cell(cell, rows, channels);
        if (drawn == NULL)
            Py_CLEAR(result);
        else
            PyList_SetItem(result, index, drawn);
    }
    return result;
}

/* ---- pairs: words in cells of two characters, each drawn alone */

typedef struct {
    PyObject *inks;         /* character -> (columns of ink, pixel of the first, width), None: it has to be laid out */
    PyObject *known, *made; /* text of a cell, or of neighbours that reach onto one another -> tile: numbers of
                               patches, (numbers, ink left, ink right), or None: it has to be drawn another way */
    unsigned char *patches; /* those of `made`, one after the other */
    size_t size, room;      /* of them in bytes */
    int64_t count, least;   /* the next number, the patches of a cell at least */
    int odd, rows, channels;
} Pairs;

typedef struct {
    Sprite *sprites;
    Py_ssize_t count;
    int64_t patches;
} Strip;

static void
release_strip(Strip *strip)
{
    while (strip->count > 0)
        PyBuffer_Release(&strip->sprites[--strip->count].ink);
    PyMem_Free(strip->sprites);
}

/* A cell, characters [first, last) of a text, put on a strip: 1; 0 if it has to be laid out; -1 is an error. */
static int
add_pair(const Pairs *pairs, PyObject *text, Py_ssize_t first, Py_ssize_t last, Strip *strip)
{
    int64_t x = 0;
    for (Py_ssize_t index = first; index < last; index++) {
        Py_ssize_t place = pairs->odd ? first + last - 1 - index : index;
        PyObject *character = PyUnicode_Substring(text, place, place + 1);
        if (character == NULL)
            return -1;
        PyObject *ink = Py_XNewRef(PyDict_GetItemWithError(pairs->inks, character));
        Py_DECREF(character);
        if (ink == NULL || ink == Py_None) {
            Py_XDECREF(ink);
            return PyErr_Occurred() ? -1 : 0;
        }
        Sprite *sprite = &strip->sprites[strip->count];
        long long at, width;
        int is_read = PyTuple_Check(ink) && PyArg_ParseTuple(ink, "y*LL", &sprite->ink, &at, &width);
        if (!is_read && !PyErr_Occurred())
            PyErr_SetString(PyExc_TypeError, "the ink of a character must be a tuple");
        Py_DECREF(ink);
        if (!is_read)
            return -1;
        strip->count++;
        sprite->columns = sprite->ink.len / ((int64_t)pairs->rows * pairs->channels);
        sprite->is_one_run = 1;
        if (at < -MOST_COLUMNS || at > MOST_COLUMNS || width < 0 || width > MOST_COLUMNS ||
            sprite->columns > MOST_COLUMNS || sprite->ink.len % (pairs->rows * pairs->channels)) {
            PyErr_SetString(PyExc_ValueError, "the ink of a character is no list of columns, or far away");
            return -1;
        }
        sprite->at = strip->patches * pairs->rows + x + at;
        x += width;
        if (!sprite->ink.len)
            PyBuffer_Release(&strip->sprites[--strip->count].ink);
    }
    int64_t patches = (x + pairs->rows - 1) / pairs->rows;
    strip->patches += patches < pairs->least ? pairs->least : patches;
    return strip->patches <= MOST_COLUMNS / pairs->rows;
}

/* The cells of characters [first, last) of a text; the first of them begins a cell. The result as of `add_pair`. */
static int
add_pairs(const Pairs *pairs, PyObject *text, Py_ssize_t first, Py_ssize_t last, Strip *strip)
{
    Py_ssize_t cells = (last - first + 1) / 2;
    for (Py_ssize_t index = 0; index < cells; index++) {
        Py_ssize_t begin = first + 2 * (pairs->odd ? cells - 1 - index : index);
        int added = add_pair(pairs, text, begin, begin + 2 < last ? begin + 2 : last, strip);
        if (added != 1)
            return added;
    }
    return 1;
}

static PyObject *
numbered(Pairs *pairs, PyObject *drawn) /* the tile of what `composite` gave */
{
    PyObject *data = PyTuple_GetItem(drawn, 0), *left = PyTuple_GetItem(drawn, 1), *right = PyTuple_GetItem(drawn, 2);
    size_t length = (size_t)PyBytes_Size(data);
    int64_t count = (int64_t)length / ((int64_t)pairs->rows * pairs->rows * pairs->channels);
    if (pairs->count > INT32_MAX - count) {
        PyErr_SetString(PyExc_OverflowError, "too many patches");
        return NULL;
    }
    if (pairs->size + length > pairs->room) {
        size_t room = 2 * pairs->room + length;
        unsigned char *grown = PyMem_Realloc(pairs->patches, room);
        if (grown == NULL)
            return PyErr_NoMemory();
        pairs->patches = grown;
        pairs->room = room;
    }
    PyObject *numbers = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)(count * (int64_t)sizeof(int32_t)));
    if (numbers == NULL)
        return NULL;
    char *target = PyBytes_AsString(numbers);
    for (int64_t index = 0; index < count; index++) {
        int32_t number = (int32_t)(pairs->count + index);
        memcpy(target + index * (int64_t)sizeof(int32_t), &number, sizeof(int32_t));
    }
    if (length)
        memcpy(pairs->patches + pairs->size, PyBytes_AsString(data), length);
    pairs->size += length;
    pairs->count += count;
    if (!PyBytes_Size(left) && !PyBytes_Size(right))
        return numbers;
    PyObject *tile = PyTuple_Pack(3, numbers, left, right);
    Py_DECREF(numbers);
    return tile;
}

/* The tile of characters [first, last) of a word, drawn if it is met for the first time. */
static PyObject *
tile_of(Pairs *pairs, PyObject *word, Py_ssize_t first, Py_ssize_t last)
{
    PyObject *text = PyUnicode_Substring(word, first, last);
    if (text == NULL)
        return NULL;
    PyObject *tile = Py_XNewRef(PyDict_GetItemWithError(pairs->known, text));
    if (tile == NULL && !PyErr_Occurred())
        tile = Py_XNewRef(PyDict_GetItemWithError(pairs->made, text));
    if (tile == NULL && !PyErr_Occurred()) {
        Strip strip = {PyMem_Malloc((size_t)(last - first + 1) * sizeof(Sprite)), 0, 0};
        if (strip.sprites == NULL)
            PyErr_NoMemory();
        else {
            int added = add_pairs(pairs, word, first, last, &strip);
            PyObject *drawn = NULL;
            if (added == 1)
                drawn = composite(strip.sprites, strip.count, strip.patches, pairs->rows, pairs->channels);
            if (added == 0 || drawn == Py_None)
                tile = Py_NewRef(Py_None);
            else if (drawn != NULL)
                tile = numbered(pairs, drawn);
            Py_XDECREF(drawn);
            release_strip(&strip);
        }
        if (tile != NULL && PyDict_SetItem(pairs->made, text, tile) < 0)
            Py_CLEAR(tile);
    }
    Py_DECREF(text);
    return tile;
}

/* One of the three parts of a tile, borrowed; NULL where there is no such ink, or if the tile is none. */
static PyObject *
part_of(PyObject *tile, int part)
{
    PyObject *found = NULL;
    if (PyBytes_Check(tile)) {
        if (part)
            return NULL;
        found = tile;
    }
    else if (PyTuple_Check(tile) && PyTuple_Size(tile) == 3)
        found = PyTuple_GetItem(tile, part);
    if (found == NULL || !PyBytes_Check(found)) {
        PyErr_SetString(PyExc_TypeError, "a tile must be bytes or three of them");
        return NULL;
    }
    return part && !PyBytes_Size(found) ? NULL : found;
}

/* Tiles side by side; None where one reaches beyond its neighbour. See `Tiles._linked`. */
static PyObject *
linked(PyObject *const *tiles, Py_ssize_t count)
{
    PyObject *left = NULL, *right = NULL;
    Py_ssize_t size = 0;
    for (Py_ssize_t index = 0; index < count; index++) {
        PyObject *numbers = part_of(tiles[index], 0), *before = numbers == NULL ? NULL : part_of(tiles[index], 1);
        if (PyErr_Occurred())
            return NULL;
        if (right != NULL || (index > 0 && before != NULL))
            return Py_NewRef(Py_None);
        if (index == 0)
            left = before;
        right = part_of(tiles[index], 2);
        if (PyErr_Occurred())
            return NULL;
        size += PyBytes_Size(numbers);
    }
    if (count == 1)
        return Py_NewRef(tiles[0]);
    PyObject *numbers = PyBytes_FromStringAndSize(NULL, size);
    if (numbers == NULL)
        return NULL;
    char *target = PyBytes_AsString(numbers);
    for (Py_ssize_t index = 0; index < count; index++) {
        PyObject *part = part_of(tiles[index], 0);
        memcpy(target, PyBytes_AsString(part), (size_t)PyBytes_Size(part));
        target += PyBytes_Size(part);
    }
    if (left == NULL && right == NULL)
        return numbers;
    PyObject *none = PyBytes_FromStringAndSize(NULL, 0), *tile = NULL;
    if (none != NULL)
        tile = PyTuple_Pack(3, numbers, left == NULL ? none : left, right == NULL ? none : right);
    Py_XDECREF(none);
    Py_DECREF(numbers);
    return tile;
}

/* Cells put together, those that reach onto their neighbours drawn with them. `tiles`: of the single cells, from left
 * to right; those of the groups take their place. See `Tiles._groups_in`. */
static PyObject *
grouped(Pairs *pairs, PyObject *word, Py_ssize_t length, PyObject **tiles, Py_ssize_t cells)
{
    Py_ssize_t groups = 0;
    for (Py_ssize_t start = 0, end; start < cells; start = end) {
        for (end = start + 1; end < cells; end++)
            if (part_of(tiles[end - 1], 2) == NULL && part_of(tiles[end], 1) == NULL)
                break;
        if (PyErr_Occurred())
            return NULL;
        PyObject *tile;
        if (end == start + 1)
            tile = Py_NewRef(tiles[start]);
        else {
            Py_ssize_t first = 2 * (pairs->odd ? cells - end : start), last = 2 * (pairs->odd ? cells - start : end);
            tile = tile_of(pairs, word, first, last < length ? last : length);
        }
        if (tile == NULL || tile == Py_None)
            return tile;
        PyObject *before = tiles[groups];
        tiles[groups++] = tile; /* groups <= start */
        Py_DECREF(before);
    }
    return linked(tiles, groups);
}

static PyObject *
pair_word(Pairs *pairs, PyObject *word)
{
    Py_ssize_t length = PyUnicode_GetLength(word), cells = (length + 1) / 2, read = 0;
    if (length < 0)
        return NULL;
    if (!length)
        return Py_NewRef(Py_None);
    PyObject **tiles = PyMem_Malloc((size_t)cells * sizeof(PyObject *)), *result = NULL;
    if (tiles == NULL)
        return PyErr_NoMemory();
    while (read < cells) {
        Py_ssize_t first = 2 * (pairs->odd ? cells - 1 - read : read);
        PyObject *tile = tile_of(pairs, word, first, first + 2 < length ? first + 2 : length);
        if (tile == NULL || tile == Py_None) {
            result = tile;
            break;
        }
        tiles[read++] = tile;
    }
    if (read == cells)
        result = grouped(pairs, word, length, tiles, cells);
    while (read > 0)
        Py_DECREF(tiles[--read]);
    PyMem_Free(tiles);
    return result;
}

static int
check_pairs(const Pairs *pairs, PyObject *words)
{
    if (!PyList_Check(words) || !PyDict_Check(pairs->inks) || !PyDict_Check(pairs->known)) {
        PyErr_SetString(PyExc_TypeError, "pairs are given as a list of words, and dictionaries of inks and of tiles");
        return 0;
    }
    if (pairs->rows < 1 || pairs->rows > MOST_ROWS || (pairs->channels != 1 && pairs->channels != 3) ||
        pairs->least < 0 || pairs->least > MOST_COLUMNS || pairs->count < 0 || pairs->count > INT32_MAX) {
        PyErr_SetString(PyExc_ValueError, "a height, a number of channels or of patches is out of range");
        return 0;
    }
    return 1;
}

PyDoc_STRVAR(pairs_doc,
"pairs(words, odd, inks, known, least, rows, channels, count)\n--\n\n"
"Words in cells of two characters, of which a word has one more if it is odd. See `assembly.pairs`.\n\n"
"words: texts; odd: they run from right to left; inks: character -> (columns of ink, pixel of the first, width), None\n"
"or nothing if it has to be laid out; known: what `made` was before; least: patches of a cell; count: the first\n"
"number to give. (tiles, made, patches): a tile a word; the tiles by text that were made on the way; and their\n"
"patches, uint8 [n, P, P(, 3)]. A tile is the numbers of patches, int32, or (numbers, left, right) with the ink beyond, uint8\n"
"[P, columns(, 3)], or None: to be drawn another way.");

static PyObject *
pairs(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *texts, *result = NULL;
    long long least, count;
    Pairs pairs = {0};
    if (!PyArg_ParseTuple(args, "OpOOLiiL:pairs", &texts, &pairs.odd, &pairs.inks, &pairs.known, &least, &pairs.rows,
                          &pairs.channels, &count))
        return NULL;
    pairs.least = least;
    pairs.count = count;
    if (!check_pairs(&pairs, texts))
        return NULL;
    Py_ssize_t words = PyList_Size(texts);
    PyObject *tiles = PyList_New(words);
    if (tiles == NULL || (pairs.made = PyDict_New()) == NULL)
        goto done;
    for (Py_ssize_t index = 0; index < words; index++) {
        /* looking up may run Python code, which could drop the word */
        PyObject *word = Py_XNewRef(PyList_GetItem(texts, index));
        PyObject *tile = word == NULL ? NULL : pair_word(&pairs, word);
        Py_XDECREF(word);
        if (tile == NULL)
            goto done;
        PyList_SetItem(tiles, index, tile);
    }
    result = Py_BuildValue("OOy#", tiles, pairs.made, pairs.size ? (const char *)pairs.patches : "",
                           (Py_ssize_t)pairs.size);
done:
    Py_XDECREF(tiles);
    Py_XDECREF(pairs.made);
    PyMem_Free(pairs.patches);
    return result;
}

PyDoc_STRVAR(strip_doc,
"strip(words, odd, inks, least, rows, channels)\n--\n\n"
"The cells of words from left to right drawn side by side, with the arguments of `pairs`: (patches, left, right) as\n"
"of `cells`, or None if a character has to be laid out.");

static PyObject *
strip(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *texts, *result = NULL;
    long long least;
    Pairs pairs = {0};
    if (!PyArg_ParseTuple(args, "OpOLii:strip", &texts, &pairs.odd, &pairs.inks, &least, &pairs.rows, &pairs.channels))
        return NULL;
    pairs.least = least;
    pairs.known = pairs.inks;
    if (!check_pairs(&pairs, texts))
        return NULL;
    PyObject *words = PySequence_Tuple(texts); /* looking up may run Python code, which could change the list */
    if (words == NULL)
        return NULL;
    Py_ssize_t count = PyTuple_Size(words), length = 0;
    Strip strip = {NULL, 0, 0};
    for (Py_ssize_t index = 0; index < count; index++) {
        Py_ssize_t size = PyUnicode_GetLength(PyTuple_GetItem(words, index));
        if (size < 0)
            goto done;
        length += size;
    }
    if ((strip.sprites = PyMem_Malloc((size_t)(length + 1) * sizeof(Sprite))) == NULL) {
        PyErr_NoMemory();
        goto done;
    }
    int added = 1;
    for (Py_ssize_t index = 0; index < count && added == 1; index++) {
        PyObject *word = PyTuple_GetItem(words, index);
        added = add_pairs(&pairs, word, 0, PyUnicode_GetLength(word), &strip);
    }
    if (added == 1)
        result = composite(strip.sprites, strip.count, strip.patches, pairs.rows, pairs.channels);
    else if (added == 0)
        result = Py_NewRef(Py_None);
done:
    release_strip(&strip);
    Py_DECREF(words);
    return result;
}

/* ---- put: columns onto an image */

#ifdef __SSE2__
#include <emmintrin.h>

/* 16 columns of 16 rows: each step deals the two halves of the columns out in turn, four of which transpose them. */
static void
put_block(unsigned char *target, int64_t stride, const unsigned char *source)
{
    __m128i from[16], to[16];
    for (int index = 0; index < 16; index++)
        from[index] = _mm_loadu_si128((const __m128i *)(source + 16 * index));
    for (int step = 0; step < 4; step++) {
        for (int index = 0; index < 8; index++) {
            to[2 * index] = _mm_unpacklo_epi8(from[index], from[index + 8]);
            to[2 * index + 1] = _mm_unpackhi_epi8(from[index], from[index + 8]);
        }
        memcpy(from, to, sizeof(from));
    }
    for (int row = 0; row < 16; row++)
        _mm_storeu_si128((__m128i *)(target + row * stride), from[row]);
}
#endif

PyDoc_STRVAR(put_doc,
"put(image, columns, rows, channels, left, end)\n--\n\n"
"Columns put onto an image, the first at pixel `left`; what is not between 0 and `end` is left out. image: writable,\n"
"uint8 [rows, width(, 3)]; columns: uint8 [n, rows(, 3)].");

static PyObject *
put(PyObject *Py_UNUSED(module), PyObject *args)
{
    Py_buffer image, columns;
    int rows, channels;
    long long left, end;
    if (!PyArg_ParseTuple(args, "w*y*iiLL:put", &image, &columns, &rows, &channels, &left, &end))
        return NULL;
    PyObject *result = NULL;
    if (rows < 1 || rows > MOST_ROWS || (channels != 1 && channels != 3) || image.len % ((int64_t)rows * channels) ||
        columns.len % ((int64_t)rows * channels)) {
        PyErr_SetString(PyExc_ValueError, "an image or columns are not as many bytes as their size says");
        goto done;
    }
    int64_t width = image.len / ((int64_t)rows * channels), count = columns.len / ((int64_t)rows * channels);
    int64_t stop = end < width ? end : width;
    if (left <= -count || left >= stop)
        count = 0;
    else if (stop - left < count)
        count = stop - left;
    const unsigned char *source = columns.buf;
    unsigned char *target = (unsigned char *)image.buf;
    int64_t column = left < 0 && count ? -left : 0;
#ifdef __SSE2__
    if (rows == 16 && channels == 1)
        for (; column + 16 <= count; column += 16)
            put_block(target + left + column, width, source + column * 16);
#endif
    if (column < count)
        for (int row = 0; row < rows; row++)
            for (int64_t at = column; at < count; at++)
                for (int channel = 0; channel < channels; channel++)
                    target[(row * width + left + at) * channels + channel] =
                        source[(at * rows + row) * channels + channel];
    result = Py_NewRef(Py_None);
done:
    PyBuffer_Release(&image);
    PyBuffer_Release(&columns);
    return result;
}

/* ---- the module */

static PyType_Slot glyphs_slots[] = {
    {Py_tp_doc, "Glyphs(load): the bitmaps of a font. load(glyph) gives (left, top, rows, columns, coverage)."},
    {Py_tp_new, glyphs_new},
    {Py_tp_dealloc, glyphs_dealloc},
    {0, NULL},
};
static PyType_Spec glyphs_spec = {"pixlm.rendering._inner.Glyphs", sizeof(Glyphs), 0, Py_TPFLAGS_DEFAULT, glyphs_slots};

static int
module_exec(PyObject *module)
{
    PyObject *type = PyType_FromSpec(&glyphs_spec);
    if (type == NULL)
        return -1;
    *(PyObject **)PyModule_GetState(module) = type; /* the module's state keeps this reference */
    if (PyModule_AddObjectRef(module, "Glyphs", type) < 0)
        return -1;
    return PyModule_AddIntConstant(module, "INTERFACE", INTERFACE);
}

static int
module_clear(PyObject *module)
{
    Py_CLEAR(*(PyObject **)PyModule_GetState(module));
    return 0;
}

static int
module_traverse(PyObject *module, visitproc visit, void *arg)
{
    Py_VISIT(*(PyObject **)PyModule_GetState(module));
    return 0;
}

static PyMethodDef methods[] = {
    {"words", words, METH_VARARGS, words_doc},
    {"run", run, METH_VARARGS, run_doc},
    {"cells", cells, METH_VARARGS, cells_doc},
    {"pairs", pairs, METH_VARARGS, pairs_doc},
    {"strip", strip, METH_VARARGS, strip_doc},
    {"put", put, METH_VARARGS, put_doc},
    {NULL, NULL, 0, NULL},
};
static PyModuleDef_Slot slots[] = {{Py_mod_exec, module_exec}, {0, NULL}};
static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "_inner", "Inner loops of pixlm.rendering.assembly.", sizeof(PyObject *), methods, slots,
    module_traverse, module_clear, NULL,
};

PyMODINIT_FUNC
PyInit__inner(void)
{
    return PyModuleDef_Init(&definition);
}
