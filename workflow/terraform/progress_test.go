package terraform

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestTelling: a large download tells how far it is, by name and size; a small one tells nothing.
func TestTelling(t *testing.T) {
	large := bytes.Repeat([]byte("x"), 3<<20)
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "index.json") {
			_, _ = w.Write([]byte("{}"))
			return
		}
		w.Header().Set("Content-Length", "3145728")
		_, _ = w.Write(large)
	}))
	defer web.Close()
	var said []string
	r := toolRequest{log: func(text string) { said = append(said, text) }}
	client := &http.Client{Transport: telling{r, 0}}
	read := func(name string) int {
		resp, err := client.Get(web.URL + "/x/" + name)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		data, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return len(data)
	}
	if n := read("index.json"); n != 2 || len(said) != 0 {
		t.Errorf("got %d bytes and %q, want nothing said", n, said)
	}
	if n := read("terraform_1.9.0.zip"); n != len(large) || len(said) == 0 {
		t.Fatalf("got %d bytes and %q, want %d and how far it is", n, said, len(large))
	}
	if got := said[len(said)-1]; !strings.HasPrefix(got, "Downloading terraform_1.9.0.zip: ") || !strings.HasSuffix(got, " of 3.1 MB.") {
		t.Errorf("got %q", got)
	}
}
