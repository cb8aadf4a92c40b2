package git_test

import (
	"fmt"
	"testing"

	"github.com/cardea-iac/cardea/workflow"
)

// BenchmarkCheckoutWarm is one push to a repository whose mirror is there, by the number of its files.
func BenchmarkCheckoutWarm(b *testing.B) {
	for _, files := range []int{100, 10000} {
		b.Run(fmt.Sprintf("files=%d", files), func(b *testing.B) {
			r := newRepo(b)
			for i := range files {
				r.write(fmt.Sprintf("group%02d/p%04d/file%d.tf", i%20, i/5, i%5), fmt.Sprintf("# %d\n", i))
			}
			root := r.commit("root")
			r.git("repack", "-q", "-a", "-d")
			m := mirrors(b, r)
			if _, err := m.Checkout(b.Context(), pull(root), workflow.CheckoutMerge); err != nil {
				b.Fatal(err)
			}
			heads := make([]string, 0, 100)
			for i := range 100 {
				r.branch("change", root)
				r.write("group00/p0000/file0.tf", fmt.Sprintf("# changed %d\n", i))
				heads = append(heads, r.commit("change"))
			}
			b.ResetTimer()
			for i := 0; i < b.N; i++ {
				if _, err := m.Checkout(b.Context(), pull(heads[i%len(heads)]), workflow.CheckoutMerge); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
