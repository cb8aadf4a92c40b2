package storetest

import (
	"cmp"
	"errors"
	"time"

	"github.com/cardea-iac/cardea/workflow"
)

func (t *memoryTx) Request(id string) (workflow.Request, error) { return t.requests.get(id) }

func (t *memoryTx) RequestByKey(key string) (workflow.Request, error) {
	id, err := t.meanings.get(key)
	if err != nil {
		return workflow.Request{}, err
	}
	return t.Request(id)
}

func (t *memoryTx) PendingRequests(after uint64, limit int) ([]workflow.Request, error) {
	all := t.requests.where(func(r *workflow.Request) bool { return !r.Done && r.Seq > after }, bySeq)
	return all[:min(limit, len(all))], nil
}

func (t *memoryTx) PendingRequestsOf(a workflow.About) ([]workflow.Request, error) {
	return t.requests.where(func(r *workflow.Request) bool { return !r.Done && r.About() == a }, bySeq), nil
}

func bySeq(a, b *workflow.Request) int { return cmp.Compare(a.Seq, b.Seq) }

func (t *memoryTx) PutRequest(r *workflow.Request) error {
	if err := errors.Join(t.mayWrite(), r.Check()); err != nil {
		return err
	}
	if old, ok := t.requests.rows[r.ID]; ok {
		r.Seq = old.Seq
	} else {
		t.requestSeq++
		r.Seq = t.requestSeq
		t.meanings.put(r.Key, r.ID)
	}
	t.requests.put(r.ID, *r)
	return nil
}

func (t *memoryTx) ForgetRequests(before time.Time, limit int) (int, error) {
	if err := t.mayWrite(); err != nil {
		return 0, err
	}
	old := t.requests.where(func(r *workflow.Request) bool { return r.Done && r.Finished.Before(before) },
		func(a, b *workflow.Request) int { return a.Finished.Compare(b.Finished) })
	old = old[:min(limit, len(old))]
	for _, r := range old {
		delete(t.meanings.change(), r.Key)
		delete(t.requests.change(), r.ID)
	}
	return len(old), nil
}
