package diff

// lineEdit is one line of the difference of two texts.
type lineEdit struct {
	mark byte // '+', '-' or ' '
	text string
}

// maxLineEdits bounds the work of lineDiff: beyond so many differing lines the rest counts as
// one block removed and one added.
const maxLineEdits = 400

// lineDiff is the shortest way from the lines before to the lines after (Myers).
func lineDiff(before, after []string) []lineEdit {
	start := 0
	for start < len(before) && start < len(after) && before[start] == after[start] {
		start++
	}
	end := 0
	for end < len(before)-start && end < len(after)-start && before[len(before)-1-end] == after[len(after)-1-end] {
		end++
	}
	var out []lineEdit
	for _, l := range before[:start] {
		out = append(out, lineEdit{' ', l})
	}
	out = append(out, myers(before[start:len(before)-end], after[start:len(after)-end])...)
	for _, l := range before[len(before)-end:] {
		out = append(out, lineEdit{' ', l})
	}
	return out
}

func myers(a, b []string) []lineEdit {
	limit := min(len(a)+len(b), maxLineEdits)
	// ends[d] is, before step d, the furthest x on each diagonal k = x-y, kept at k+limit+1.
	ends := make([][]int, 0, 16)
	v := make([]int, 2*limit+3)
	for d := 0; d <= limit; d++ {
		ends = append(ends, append([]int(nil), v...))
		for k := -d; k <= d; k += 2 {
			i := k + limit + 1
			x := v[i-1] + 1
			if k == -d || (k != d && v[i-1] < v[i+1]) {
				x = v[i+1]
			}
			for x < len(a) && x-k < len(b) && x-k >= 0 && a[x] == b[x-k] {
				x++
			}
			v[i] = x
			if x >= len(a) && x-k >= len(b) {
				return walkBack(a, b, ends, limit)
			}
		}
	}
	return replaceAll(a, b)
}

// walkBack follows the steps of myers from the end to the start.
func walkBack(a, b []string, ends [][]int, limit int) []lineEdit {
	var back []lineEdit
	x, y := len(a), len(b)
	for d := len(ends) - 1; d >= 0; d-- {
		v, k := ends[d], x-y
		i := k + limit + 1
		from := k - 1
		if k == -d || (k != d && v[i-1] < v[i+1]) {
			from = k + 1
		}
		px := v[from+limit+1]
		py := px - from
		for x > px && y > py && x > 0 && y > 0 {
			x, y = x-1, y-1
			back = append(back, lineEdit{' ', a[x]})
		}
		switch {
		case d == 0:
		case from == k+1:
			y--
			back = append(back, lineEdit{'+', b[y]})
		default:
			x--
			back = append(back, lineEdit{'-', a[x]})
		}
	}
	out := make([]lineEdit, len(back))
	for i, e := range back {
		out[len(back)-1-i] = e
	}
	return out
}

func replaceAll(a, b []string) []lineEdit {
	out := make([]lineEdit, 0, len(a)+len(b))
	for _, l := range a {
		out = append(out, lineEdit{'-', l})
	}
	for _, l := range b {
		out = append(out, lineEdit{'+', l})
	}
	return out
}
