package webhook

import (
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"sync"
	"testing"
	"time"
)

// Whoever sends no further part of a body is gone when its time is over: nothing waits for the rest without a deadline.
func TestSlowBodiesLetGo(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(quietHandler(t))
	defer srv.Close()
	var wg sync.WaitGroup
	for name, head := range map[string]string{
		"tiny": "Content-Length: 100", "small": fmt.Sprint("Content-Length: ", smallBody), "large": fmt.Sprint("Content-Length: ", 2*smallBody), "chunked": "Transfer-Encoding: chunked",
	} {
		wg.Go(func() {
			c, err := net.Dial("tcp", srv.Listener.Addr().String())
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			fmt.Fprintf(c, "POST /webhook HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nX-GitHub-Event: push\r\nX-GitHub-Delivery: 1\r\nX-Hub-Signature-256: sha256=%064d\r\n%s\r\n\r\n1\r\n{\r\n", 0, head)
			_ = c.SetReadDeadline(time.Now().Add(bodyWait + 4*time.Minute))
			if _, err := io.ReadAll(c); err != nil {
				t.Errorf("%s: the connection is still open: %v", name, err)
			}
		})
	}
	wg.Wait()
}
