package bolt

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/cardea-iac/cardea/workflow"
)

// A record on disk is a CRC-32C of four bytes, one byte that says how the rest
// is packed, and the rest.
const (
	packedPlain byte = 0
	packedGzip  byte = 1
	headerSize       = 5
	// gzipAbove is the size below which compression costs more than the disk it saves.
	gzipAbove = 64 << 10
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// checksum covers the bucket and the key too: a record in the wrong place is as bad as one
// with other bytes.
func checksum(bucket, key, rest []byte) uint32 {
	sum := crc32.Update(0, castagnoli, bucket)
	sum = crc32.Update(sum, castagnoli, []byte{0})
	sum = crc32.Update(sum, castagnoli, key)
	sum = crc32.Update(sum, castagnoli, []byte{0})
	return crc32.Update(sum, castagnoli, rest)
}

func seal(bucket, key []byte, packing byte, body []byte) []byte {
	out := make([]byte, headerSize, headerSize+len(body))
	out[4] = packing
	out = append(out, body...)
	binary.BigEndian.PutUint32(out, checksum(bucket, key, out[4:]))
	return out
}

// unseal checks a record and returns its body, unpacked. The body may share memory with the database.
func unseal(bucket, key, value []byte) ([]byte, error) {
	if len(value) < headerSize || binary.BigEndian.Uint32(value) != checksum(bucket, key, value[4:]) {
		return nil, damaged(bucket, key)
	}
	switch value[4] {
	case packedPlain:
		return value[headerSize:], nil
	case packedGzip:
		body, err := decompress(value[headerSize:])
		if err != nil {
			return nil, fmt.Errorf("%w: %w", damaged(bucket, key), err)
		}
		return body, nil
	}
	return nil, damaged(bucket, key)
}

func damaged(bucket, key []byte) error {
	return fmt.Errorf("reading %s %s: %w", bucket, showKey(key), ErrCorrupt)
}

func missing(bucket, key []byte) error {
	return fmt.Errorf("reading %s %s: %w", bucket, showKey(key), workflow.ErrNotFound)
}

// showKey prints text keys as they are and others in hex.
func showKey(key []byte) string {
	for _, c := range key {
		if c < ' ' || c > '~' {
			return fmt.Sprintf("%x", key)
		}
	}
	return string(key)
}

func compress(data []byte) ([]byte, error) {
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestSpeed)
	if err != nil {
		return nil, fmt.Errorf("compressing a record: %w", err)
	}
	if _, err := w.Write(data); err != nil {
		return nil, fmt.Errorf("compressing a record: %w", err)
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("compressing a record: %w", err)
	}
	return b.Bytes(), nil
}

func decompress(data []byte) ([]byte, error) {
	r, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r) // we wrote it ourselves, and its size was bounded then
}

// get reads one JSON record.
func get[T any](t *tx, bucket, key []byte) (T, error) {
	var v T
	value := t.Bucket(bucket).Get(key)
	if value == nil {
		return v, missing(bucket, key)
	}
	return decode[T](bucket, key, value)
}

func decode[T any](bucket, key, value []byte) (T, error) {
	var v T
	body, err := unseal(bucket, key, value)
	if err != nil {
		return v, err
	}
	if err := json.Unmarshal(body, &v); err != nil {
		return v, fmt.Errorf("%w: %w", damaged(bucket, key), err)
	}
	if err := check(v); err != nil {
		return v, fmt.Errorf("reading %s %s: %w", bucket, showKey(key), err)
	}
	return v, nil
}

// check asks a record that knows it what is wrong with it.
func check(v any) error {
	if r, knows := v.(interface{ Check() error }); knows {
		return r.Check()
	}
	return nil
}

// put writes one JSON record, compressed when it is large.
func put(t *tx, bucket, key []byte, v any) error {
	if err := check(v); err != nil {
		return fmt.Errorf("writing %s %s: %w", bucket, showKey(key), err)
	}
	body, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("writing %s %s: %w", bucket, showKey(key), err)
	}
	packing := packedPlain
	if len(body) > gzipAbove {
		if body, err = compress(body); err != nil {
			return err
		}
		packing = packedGzip
	}
	return t.putRaw(bucket, key, seal(bucket, key, packing, body))
}
