package bolt

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/cardea-iac/cardea/workflow"
)

// putDelivery saves a delivery. payload is its compressed payload, which is written once,
// with the delivery, and not again.
func (t *tx) putDelivery(d workflow.Delivery, payload []byte) error {
	key := deliveryKey(d.GUID, d.Event)
	if t.Bucket(payloads).Get(key) == nil {
		if err := t.putRaw(payloads, key, seal(payloads, key, packedGzip, payload)); err != nil {
			return err
		}
	}
	old, err := get[workflow.Delivery](t, deliveries, key)
	switch {
	case err == nil:
		d.Seq = old.Seq
		if old.Done {
			if err := t.remove(deliveriesDone, u64(moment(old.Finished), old.Seq)); err != nil {
				return err
			}
		}
	case errors.Is(err, workflow.ErrNotFound):
		if d.Seq, err = t.next(deliveries); err != nil {
			return err
		}
	default:
		return err
	}
	d.Payload = nil
	if err := put(t, deliveries, key, d); err != nil {
		return err
	}
	if d.Done {
		if err := t.putRaw(deliveriesDone, u64(moment(d.Finished), d.Seq), key); err != nil {
			return err
		}
		return t.remove(deliveriesPending, u64(d.Seq))
	}
	return t.putRaw(deliveriesPending, u64(d.Seq), key)
}

func (t *tx) PutDelivery(d workflow.Delivery) error {
	var payload []byte
	if t.Bucket(payloads).Get(deliveryKey(d.GUID, d.Event)) == nil {
		var err error
		if payload, err = compress(d.Payload); err != nil {
			return err
		}
	}
	return t.putDelivery(d, payload)
}

func (t *tx) Delivery(guid, event string) (workflow.Delivery, error) {
	return t.delivery(deliveryKey(guid, event))
}

func (t *tx) delivery(key []byte) (workflow.Delivery, error) {
	d, err := get[workflow.Delivery](t, deliveries, key)
	if err != nil {
		return d, err
	}
	value := t.Bucket(payloads).Get(key)
	if value == nil {
		return d, damaged(payloads, key)
	}
	d.Payload, err = unseal(payloads, key, value)
	return d, err
}

func (t *tx) PendingDeliveries(limit int) ([]workflow.Delivery, error) {
	var out []workflow.Delivery
	err := t.scan(deliveriesPending, nil, func(_, key []byte) (bool, error) {
		if len(out) >= limit {
			return false, nil
		}
		d, err := t.delivery(key)
		out = append(out, d)
		return true, err
	})
	return out, err
}

func (t *tx) ForgetDeliveries(finishedBefore time.Time, limit int) (int, error) {
	return t.forget(deliveriesDone, finishedBefore, limit, func(key []byte) error {
		if err := t.remove(payloads, key); err != nil {
			return err
		}
		return t.remove(deliveries, key)
	})
}

// forget removes up to limit records of a done index that are older than the
// given time; drop gets the key of each record.
func (t *tx) forget(index []byte, before time.Time, limit int, drop func(key []byte) error) (int, error) {
	var entries, keys [][]byte
	end := moment(before)
	err := t.scan(index, nil, func(entry, key []byte) (bool, error) {
		if len(entries) >= limit || len(entry) < 16 || u64At(entry) >= end {
			return false, nil
		}
		entries, keys = append(entries, clone(entry)), append(keys, clone(key))
		return true, nil
	})
	if err != nil {
		return 0, err
	}
	for i, key := range keys {
		if err := drop(key); err != nil {
			return 0, err
		}
		if err := t.remove(index, entries[i]); err != nil {
			return 0, err
		}
	}
	return len(keys), nil
}

func (t *tx) Request(id string) (workflow.Request, error) {
	return get[workflow.Request](t, requests, []byte(id))
}

func (t *tx) RequestByKey(key string) (workflow.Request, error) {
	id := t.Bucket(requestsByKey).Get(hashed(key))
	if id == nil {
		return workflow.Request{}, fmt.Errorf("reading the request with key %q: %w", key, workflow.ErrNotFound)
	}
	return t.Request(string(id))
}

func (t *tx) PendingRequests(after uint64, limit int) ([]workflow.Request, error) {
	return t.pending(requestsPending, nil, u64(after+1), limit)
}

func (t *tx) PendingRequestsOf(a workflow.About) ([]workflow.Request, error) {
	bucket, prefix := requestsByAbout.at(a)
	return t.pending(bucket, prefix, prefix, math.MaxInt)
}

func (t *tx) pending(index, prefix, from []byte, limit int) ([]workflow.Request, error) {
	var out []workflow.Request
	err := t.scanFrom(index, prefix, from, func(_, id []byte) (bool, error) {
		if len(out) >= limit {
			return false, nil
		}
		r, err := t.Request(string(id))
		out = append(out, r)
		return true, err
	})
	return out, err
}

func (t *tx) PutRequest(r *workflow.Request) error {
	id := []byte(r.ID)
	old, err := get[workflow.Request](t, requests, id)
	switch {
	case err == nil:
		r.Seq = old.Seq
		if old.Done {
			if err := t.remove(requestsDone, u64(moment(old.Finished), old.Seq)); err != nil {
				return err
			}
		}
	case errors.Is(err, workflow.ErrNotFound):
		if r.Seq, err = t.next(requests); err != nil {
			return err
		}
		if err := t.putRaw(requestsByKey, hashed(r.Key), id); err != nil {
			return err
		}
	default:
		return err
	}
	if err := put(t, requests, id, r); err != nil {
		return err
	}
	about, of := requestsByAbout.at(r.About())
	of = append(of, u64(r.Seq)...)
	if r.Done {
		if err := t.putRaw(requestsDone, u64(moment(r.Finished), r.Seq), id); err != nil {
			return err
		}
		if err := t.remove(about, of); err != nil {
			return err
		}
		return t.remove(requestsPending, u64(r.Seq))
	}
	if err := t.putRaw(about, of, id); err != nil {
		return err
	}
	return t.putRaw(requestsPending, u64(r.Seq), id)
}

func (t *tx) ForgetRequests(finishedBefore time.Time, limit int) (int, error) {
	return t.forget(requestsDone, finishedBefore, limit, func(id []byte) error {
		r, err := t.Request(string(id))
		if err != nil {
			return err
		}
		if err := t.remove(requestsByKey, hashed(r.Key)); err != nil {
			return err
		}
		return t.remove(requests, id)
	})
}
