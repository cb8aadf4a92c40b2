package tfconfig

import (
	"container/list"
	"sync"
)

// cache is a least-recently-used map bounded by the sum of its values' weights,
// safe for concurrent use. Values are shared: nobody changes them.
type cache[V any] struct {
	mu     sync.Mutex
	limit  int
	weight int
	order  *list.List // of *cached[V], most recent first
	byKey  map[string]*list.Element
}

type cached[V any] struct {
	key    string
	value  V
	weight int
}

func newCache[V any](limit int) *cache[V] {
	return &cache[V]{limit: limit, order: list.New(), byKey: map[string]*list.Element{}}
}

func (c *cache[V]) get(key string) (V, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.byKey[key]
	if !ok {
		var none V
		return none, false
	}
	c.order.MoveToFront(e)
	return e.Value.(*cached[V]).value, true
}

func (c *cache[V]) add(key string, value V, weight int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.byKey[key]; ok {
		return
	}
	c.byKey[key] = c.order.PushFront(&cached[V]{key: key, value: value, weight: weight})
	c.weight += weight
	for c.weight > c.limit && c.order.Len() > 1 {
		last := c.order.Back()
		old := c.order.Remove(last).(*cached[V])
		delete(c.byKey, old.key)
		c.weight -= old.weight
	}
}
