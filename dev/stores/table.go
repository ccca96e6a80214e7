package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// The table of docs/stores.md stands between these lines.
const (
	tableBegin = "<!-- The rows below are written by `make stores`. -->"
	tableEnd   = "<!-- The rows above are written by `make stores`. -->"
)

// table is the table of docs/stores.md: a row for each capability, a column for each store.
type table struct {
	titles []string
	names  []string
	cells  map[string]map[string]string // by title and name
}

const unknown = "–"

// parseTable reads the table of the document, and takes the columns from documentation
// from this package.
func parseTable(text string) (*table, error) {
	_, rest, begun := strings.Cut(text, tableBegin)
	body, _, ended := strings.Cut(rest, tableEnd)
	if !begun || !ended {
		return nil, errors.New(document + " has lost the two comments around its table")
	}
	t := &table{cells: map[string]map[string]string{}}
	for i, line := range strings.Split(strings.TrimSpace(body), "\n") {
		cells := cellsOf(line)
		switch {
		case len(cells) < 2 || i == 1:
		case i == 0:
			t.titles = cells[1:]
		default:
			t.names = append(t.names, cells[0])
			for j, title := range t.titles {
				if j+1 < len(cells) {
					t.setCell(title, cells[0], cells[j+1])
				}
			}
		}
	}
	for _, one := range documented {
		if !slices.Contains(t.titles, one.title) {
			t.titles = append(t.titles, one.title)
		}
		t.cells[one.title] = one.cells
	}
	return t, nil
}

func cellsOf(line string) []string {
	line = strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(line), "|"), "|")
	cells := strings.Split(line, "|")
	for i := range cells {
		cells[i] = strings.TrimSpace(cells[i])
	}
	return cells
}

func (t *table) setCell(title, name, cell string) {
	if t.cells[title] == nil {
		t.cells[title] = map[string]string{}
	}
	t.cells[title][name] = cell
}

func (t *table) cell(title, name string) string {
	if cell := t.cells[title][name]; cell != "" {
		return cell
	}
	return unknown
}

// differences says which cells of a store differ from what was seen.
func (t *table) differences(title string, seen []capability) error {
	var differ error
	for _, one := range seen {
		if cell := t.cell(title, one.Name); cell != one.Seen {
			differ = errors.Join(differ, fmt.Errorf("%s, %s: %s says %q, this run saw %q: run with -update", title, one.Name, document, cell, one.Seen))
		}
	}
	for _, name := range t.names {
		if t.cell(title, name) != unknown && !slices.ContainsFunc(seen, func(c capability) bool { return c.Name == name }) {
			differ = errors.Join(differ, fmt.Errorf("%s, %s: %s has a row that this run did not try: run with -update", title, name, document))
		}
	}
	return differ
}

// set replaces a store's column, and the rows by those that were tried.
func (t *table) set(title string, seen []capability) {
	t.cells[title] = map[string]string{}
	t.names = nil
	for _, one := range seen {
		t.names = append(t.names, one.Name)
		t.setCell(title, one.Name, one.Seen)
	}
	if !slices.Contains(t.titles, title) {
		t.titles = append([]string{title}, t.titles...)
	}
}

// replaceIn returns the document with this table. Stores that were run come first, in the order of
// this program; those from documentation last.
func (t *table) replaceIn(text string) string {
	before, rest, _ := strings.Cut(text, tableBegin)
	_, after, _ := strings.Cut(rest, tableEnd)
	t.sortTitles()
	var b strings.Builder
	b.WriteString(before + tableBegin + "\n\n| | " + strings.Join(t.titles, " | ") + " |\n|" + strings.Repeat(" --- |", len(t.titles)+1) + "\n")
	for _, name := range t.names {
		b.WriteString("| " + name + " |")
		for _, title := range t.titles {
			b.WriteString(" " + t.cell(title, name) + " |")
		}
		b.WriteString("\n")
	}
	b.WriteString("\n" + tableEnd + after)
	return b.String()
}

func (t *table) sortTitles() {
	var order []string
	for _, one := range []store{versitygw(), minio(), seaweedfs(), rgw("")} {
		order = append(order, one.title)
	}
	for _, one := range documented {
		order = append(order, one.title)
	}
	var sorted []string
	for _, title := range order {
		if slices.Contains(t.titles, title) {
			sorted = append(sorted, title)
		}
	}
	// A title that this program no longer knows is an earlier version's column.
	t.titles = sorted
}
