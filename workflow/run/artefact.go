package run

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"filippo.io/age"

	"github.com/cardea-iac/cardea/workflow"
)

// An artefact is what a plan run keeps for its apply: a tar, encrypted with age,
// of what the engine keeps (the saved plan), its seal, and the files that the plan made in its
// workspace. Its digest is the SHA-256 of the tar, whose order, times and owners
// are fixed. Only the server has the identity that opens it: a plan's runner gets
// the recipient, an apply's the identity, over its socket.

// Artefacts is where they are kept: RUN.age by the plan run's id, and beside
// them RUN.FILE.age, files of an apply with a state that it could not store. The zero
// value keeps none.
type Artefacts struct {
	Dir      string // data_dir/artefacts, absolute
	Identity *age.X25519Identity
}

// maxMade is how many bytes of files that a plan made are kept.
const maxMade = 64 << 20

// The tar's names, beside those of what the engine keeps.
const (
	sealEntry = "seal"
	madeEntry = "made/" // + path in the workspace
	goneEntry = "gone/" // likewise
)

// keepable reports whether a name is one that an engine may give to a file that it keeps.
func keepable(name string) bool {
	return name != "" && name != "." && name != ".." && name != sealEntry && !strings.ContainsAny(name, "/\\\x00")
}

// OpenKeys returns the server's identity for artefacts: dataDir/keys/artefacts.key,
// in the form of age-keygen, made when it is not there yet.
func OpenKeys(dataDir string) (*age.X25519Identity, error) {
	name := filepath.Join(dataDir, "keys", "artefacts.key")
	data, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return makeKey(name)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the artefacts' key: %w", err)
	}
	for line := range strings.Lines(string(data)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			id, err := age.ParseX25519Identity(line)
			if err != nil {
				return nil, fmt.Errorf("reading the artefacts' key %s: %w", name, err)
			}
			return id, nil
		}
	}
	return nil, fmt.Errorf("reading the artefacts' key %s: no key is in it", name)
}

func makeKey(name string) (*age.X25519Identity, error) {
	id, err := age.GenerateX25519Identity()
	if err != nil {
		return nil, fmt.Errorf("making the artefacts' key: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return nil, fmt.Errorf("making the artefacts' key: %w", err)
	}
	text := fmt.Sprintf("# Opens saved plans and kept states. Public key: %s\n%s\n", id.Recipient(), id)
	err = place(name, func(w io.Writer) error {
		_, err := io.WriteString(w, text)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("making the artefacts' key: %w", err)
	}
	return id, nil
}

// place writes a file, 0600 and durably, whole or not at all.
func place(name string, write func(io.Writer) error) error {
	f, err := os.OpenFile(name+".new", os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	err = write(f)
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(name+".new", name)
	}
	if err != nil {
		return errors.Join(err, os.Remove(name+".new"))
	}
	return syncDir(filepath.Dir(name))
}

func (a Artefacts) file(run string) string { return filepath.Join(a.Dir, run+".age") }

// rescuedName is the name under which a file that an apply left is kept.
func rescuedName(run, file string) string { return run + "." + file + ".age" }

// Remove removes the artefact of a plan run; one that is not there is fine.
func (a Artefacts) Remove(run string) error {
	if _, err := dirName(run, 0); err != nil {
		return fmt.Errorf("removing an artefact: %w", err)
	}
	if err := os.Remove(a.file(run)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("removing an artefact: %w", err)
	}
	return nil
}

// notKeptError says, as a sentence, why a plan cannot be kept. The plan is good all the same.
type notKeptError struct{ sentence string }

func (e *notKeptError) Error() string { return e.sentence }

// writeArtefact makes an artefact. A *notKeptError means that none was made.
func writeArtefact(name, recipient string, f workflow.RunFiles, k workflow.Kept) (digest string, err error) {
	to, err := age.ParseX25519Recipient(recipient)
	if err != nil {
		return "", fmt.Errorf("reading the artefacts' recipient: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return "", err
	}
	root, err := os.OpenRoot(f.Workspace)
	if err != nil {
		return "", err
	}
	defer root.Close()
	sum := sha256.New()
	err = place(name, func(w io.Writer) error {
		sealed, err := age.Encrypt(w, to)
		if err != nil {
			return err
		}
		if err := pack(tar.NewWriter(io.MultiWriter(sealed, sum)), root, f.Out, k); err != nil {
			return err
		}
		return sealed.Close()
	})
	if err != nil {
		return "", err
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

func pack(t *tar.Writer, root *os.Root, out string, k workflow.Kept) error {
	for _, name := range slices.Compact(slices.Sorted(slices.Values(k.Files))) {
		if err := packKept(t, out, name); err != nil {
			return err
		}
	}
	if err := t.WriteHeader(header(sealEntry, 0o600, int64(len(k.Seal)))); err != nil {
		return err
	}
	if _, err := t.Write(k.Seal); err != nil {
		return err
	}
	for _, name := range slices.Sorted(slices.Values(k.Gone)) {
		if err := t.WriteHeader(header(goneEntry+name, 0o600, 0)); err != nil {
			return err
		}
	}
	total := int64(0)
	for _, name := range slices.Sorted(slices.Values(k.Made)) {
		n, err := packMade(t, root, name)
		if err != nil {
			return err
		}
		if total += n; total > maxMade {
			return &notKeptError{fmt.Sprintf("This plan cannot be applied: it made more than %d MB of files in its workspace (`%s` and others), which its apply would not have.",
				maxMade>>20, name)}
		}
	}
	return t.Close()
}

// packKept packs one of the files that the engine keeps.
func packKept(t *tar.Writer, out, name string) error {
	if !keepable(name) {
		return fmt.Errorf("a file that is kept cannot be called %q", name)
	}
	// What the plan left running may make a pipe of it.
	f, err := os.OpenFile(filepath.Join(out, name), os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("the saved %s is not a regular file", name)
	}
	return packFile(t, name, info, f)
}

// packMade packs one file that a plan made: a regular file, or a symlink that stays in the workspace.
func packMade(t *tar.Writer, root *os.Root, name string) (int64, error) {
	info, err := root.Lstat(name)
	if err != nil {
		return 0, err
	}
	switch {
	case info.Mode()&fs.ModeSymlink != 0:
		target, err := root.Readlink(name)
		if err != nil {
			return 0, err
		}
		if path.IsAbs(target) || !filepath.IsLocal(path.Join(path.Dir(name), target)) {
			return 0, &notKeptError{fmt.Sprintf("This plan cannot be applied: it made the symlink `%s`, which leads out of its workspace.", name)}
		}
		h := header(madeEntry+name, 0o777, 0)
		h.Typeflag, h.Linkname = tar.TypeSymlink, target
		return 0, t.WriteHeader(h)
	case !info.Mode().IsRegular():
		return 0, &notKeptError{fmt.Sprintf("This plan cannot be applied: it made `%s` in its workspace, which is not a file.", name)}
	case info.Size() > maxMade:
		return info.Size(), nil // it is not worth reading: the sum is too large already
	}
	// A process that the plan left running may replace it by a pipe.
	f, err := root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	if info, err = f.Stat(); err != nil || !info.Mode().IsRegular() {
		return 0, errors.Join(fmt.Errorf("%s is not the file that it was", name), err)
	}
	return info.Size(), packFile(t, madeEntry+name, info, f)
}

func packFile(t *tar.Writer, name string, info fs.FileInfo, from io.Reader) error {
	if err := t.WriteHeader(header(name, info.Mode().Perm(), info.Size())); err != nil {
		return err
	}
	if _, err := io.CopyN(t, from, info.Size()); err != nil {
		return fmt.Errorf("reading %s while it changes: %w", name, err)
	}
	return nil
}

// header has nothing of this machine, so that the same content is the same tar.
func header(name string, mode fs.FileMode, size int64) *tar.Header {
	return &tar.Header{Format: tar.FormatPAX, Typeflag: tar.TypeReg, Name: name, Mode: int64(mode), Size: size, ModTime: time.Unix(0, 0)}
}

// readArtefact opens an artefact, hands over its entries, and returns its digest.
func readArtefact(name string, id age.Identity, entry func(*tar.Header, io.Reader) error) (digest string, err error) {
	f, err := os.Open(name)
	if err != nil {
		return "", fmt.Errorf("opening the artefact: %w", err)
	}
	defer f.Close()
	plain, err := age.Decrypt(f, id)
	if err != nil {
		return "", fmt.Errorf("opening the artefact: %w", err)
	}
	in := &summed{plain, sha256.New()}
	t := tar.NewReader(in)
	for {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			err = entry(h, t)
		}
		if err != nil {
			return "", fmt.Errorf("reading the artefact: %w", err)
		}
	}
	if _, err := io.Copy(io.Discard, in); err != nil { // to its end: only there age knows that it is whole
		return "", fmt.Errorf("reading the artefact: %w", err)
	}
	return hex.EncodeToString(in.sum.Sum(nil)), nil
}

type summed struct {
	from io.Reader
	sum  hash.Hash
}

func (s *summed) Read(p []byte) (int, error) {
	n, err := s.from.Read(p)
	s.sum.Write(p[:n])
	return n, err
}

// unpackArtefact writes an artefact's files over a workspace, those that the engine kept
// to their own directory, and returns its seal. The caller compares the digest before it
// uses any of them.
func unpackArtefact(name, identity string, f workflow.RunFiles) (seal []byte, digest string, err error) {
	id, err := age.ParseX25519Identity(identity)
	if err != nil {
		return nil, "", errors.New("the identity that opens the artefact is not one") // the error would quote it
	}
	root, err := os.OpenRoot(f.Workspace)
	if err != nil {
		return nil, "", fmt.Errorf("opening the workspace: %w", err)
	}
	defer root.Close()
	digest, err = readArtefact(name, id, func(h *tar.Header, r io.Reader) error {
		made, isMade := strings.CutPrefix(h.Name, madeEntry)
		gone, isGone := strings.CutPrefix(h.Name, goneEntry)
		switch {
		case isMade:
			return unpackMade(root, filepath.FromSlash(made), h, r)
		case isGone:
			return root.RemoveAll(filepath.FromSlash(gone))
		case h.Name == sealEntry:
			seal, err = io.ReadAll(r)
			return err
		case keepable(h.Name):
			return unpackKept(filepath.Join(f.Out, h.Name), r)
		}
		return fmt.Errorf("an entry %q", h.Name)
	})
	return seal, digest, err
}

func unpackKept(name string, r io.Reader) error {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, r)
	return errors.Join(err, f.Close())
}

func unpackMade(root *os.Root, name string, h *tar.Header, r io.Reader) error {
	if err := root.RemoveAll(name); err != nil {
		return err
	}
	if err := root.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return err
	}
	if h.Typeflag == tar.TypeSymlink {
		return root.Symlink(h.Linkname, name)
	}
	f, err := root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, r)
	return errors.Join(err, f.Chmod(fs.FileMode(h.Mode).Perm()), f.Close())
}

// sealFile encrypts a file into another, durably.
func sealFile(from, to, recipient string) error {
	r, err := age.ParseX25519Recipient(recipient)
	if err != nil {
		return fmt.Errorf("reading the artefacts' recipient: %w", err)
	}
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return err
	}
	return place(to, func(w io.Writer) error {
		sealed, err := age.Encrypt(w, r)
		if err != nil {
			return err
		}
		_, err = io.Copy(sealed, in)
		return errors.Join(err, sealed.Close())
	})
}
