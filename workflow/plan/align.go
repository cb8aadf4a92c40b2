package plan

// maxAlign bounds the work of aligning two lists: above it they are compared by index.
const maxAlign = 1 << 20

// elementPair is one row of two aligned lists; -1 where a side has no element.
type elementPair struct{ before, after int }

// alignLists pairs the elements of two lists so that an element taken out of the
// middle is one removal and not a change of all that follow. A set is a list as
// well, in an order of its own, which this copes with.
func alignLists(b, a Side, bSize, aSize int) []elementPair {
	if bSize <= 1 && aSize <= 1 {
		return []elementPair{{min(bSize, 1) - 1, min(aSize, 1) - 1}}
	}
	before, after := make([]string, bSize), make([]string, aSize)
	for i := range before {
		before[i] = elementText(b.Index(i))
	}
	for i := range after {
		e := a.Index(i)
		after[i] = elementText(e)
		if AnyMark(e.Unknown) {
			after[i] = "" // equals nothing
		}
	}
	g := gap{b: b, a: a}
	start := 0
	for start < min(bSize, aSize) && before[start] == after[start] {
		g.rows = append(g.rows, elementPair{start, start})
		start++
	}
	end := 0
	for end < min(bSize, aSize)-start && before[bSize-1-end] == after[aSize-1-end] {
		end++
	}
	g.fill(start, start, before[start:bSize-end], after[start:aSize-end])
	for i := end; i > 0; i-- {
		g.rows = append(g.rows, elementPair{bSize - i, aSize - i})
	}
	return g.rows
}

// elementText is equal for elements that are equal and equally marked.
func elementText(e Side) string {
	text := canonical(e.Value)
	if AnyMark(e.Sensitive) {
		text = "*" + text
	}
	return text
}

// gap collects the rows between two lists' common beginning and end.
type gap struct {
	b, a            Side
	rows            []elementPair
	removed, coming []int
}

// fill aligns the elements from bFrom and aFrom on by their longest common subsequence.
func (g *gap) fill(bFrom, aFrom int, before, after []string) {
	if len(before)*len(after) > maxAlign {
		for i := range max(len(before), len(after)) {
			row := elementPair{-1, -1}
			if i < len(before) {
				row.before = bFrom + i
			}
			if i < len(after) {
				row.after = aFrom + i
			}
			g.rows = append(g.rows, row)
		}
		return
	}
	common := commonLengths(before, after)
	width := len(after) + 1
	i, j := 0, 0
	for i < len(before) || j < len(after) {
		switch {
		case i < len(before) && j < len(after) && before[i] == after[j]:
			g.flush()
			g.rows = append(g.rows, elementPair{bFrom + i, aFrom + j})
			i, j = i+1, j+1
		case j == len(after) || i < len(before) && common[(i+1)*width+j] >= common[i*width+j+1]:
			g.removed = append(g.removed, bFrom+i)
			i++
		default:
			g.coming = append(g.coming, aFrom+j)
			j++
		}
	}
	g.flush()
}

// commonLengths is the table of the longest common subsequences of before[i:] and after[j:].
func commonLengths(before, after []string) []int32 {
	width := len(after) + 1
	t := make([]int32, (len(before)+1)*width)
	for i := len(before) - 1; i >= 0; i-- {
		for j := len(after) - 1; j >= 0; j-- {
			if before[i] == after[j] {
				t[i*width+j] = t[(i+1)*width+j+1] + 1
			} else {
				t[i*width+j] = max(t[(i+1)*width+j], t[i*width+j+1])
			}
		}
	}
	return t
}

// flush ends a stretch without common elements: what goes and what comes are
// paired as changes where that says something, blocks with blocks, and scalars
// when there are as many of them; the others are removals and additions.
func (g *gap) flush() {
	n := 0
	for n < min(len(g.removed), len(g.coming)) && g.pairs(g.removed[n], g.coming[n]) {
		g.rows = append(g.rows, elementPair{g.removed[n], g.coming[n]})
		n++
	}
	for _, i := range g.removed[n:] {
		g.rows = append(g.rows, elementPair{i, -1})
	}
	for _, j := range g.coming[n:] {
		g.rows = append(g.rows, elementPair{-1, j})
	}
	g.removed, g.coming = g.removed[:0], g.coming[:0]
}

func (g *gap) pairs(i, j int) bool {
	bObject, bList, _ := g.b.Index(i).shape()
	aObject, aList, _ := g.a.Index(j).shape()
	if bObject || bList || aObject || aList {
		return bObject == aObject && bList == aList
	}
	return len(g.removed) == len(g.coming)
}
