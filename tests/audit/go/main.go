// SPDX-License-Identifier: Apache-2.0

// Checks an audit log's tree with programs that are not ours: Go's tlog and note (the module checksum database's), and a client for
// C2SP's tlog-tiles. Usage: audit-check TREE-FOLDER NOTE-FILE LOG-KEY WITNESS-KEY COSIGNATURE-KEY; prints "ok SIZE".
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// tiles maps tlog's paths, tile/8/<level>/…, to those of tlog-tiles.
type tiles struct{ folder string }

func (t tiles) Height() int                         { return 8 }
func (t tiles) SaveTiles(_ []tlog.Tile, _ [][]byte) {}
func (t tiles) ReadTiles(wanted []tlog.Tile) (data [][]byte, err error) {
	for _, tile := range wanted {
		path := strings.Replace(tile.Path(), "tile/8/", "tile/", 1)
		bytes, err := os.ReadFile(filepath.Join(t.folder, path))
		if err != nil {
			return nil, err
		}
		data = append(data, bytes)
	}
	return data, nil
}

// entries reads the bundles by the specification's words.
func entries(folder string, size int64) (all [][]byte) {
	for n := int64(0); n*256 < size; n++ {
		tile := tlog.Tile{H: 8, L: 0, N: n, W: int(min(size-n*256, 256))}
		bundle, err := os.ReadFile(filepath.Join(folder, strings.Replace(tile.Path(), "tile/8/0/", "tile/entries/", 1)))
		must(err)
		for len(bundle) > 0 {
			length := int(bundle[0])<<8 | int(bundle[1])
			all = append(all, bundle[2:2+length])
			bundle = bundle[2+length:]
		}
	}
	return all
}

func main() {
	folder := os.Args[1]
	message, err := os.ReadFile(os.Args[2])
	must(err)
	logKey, err := note.NewVerifier(os.Args[3])
	must(err)
	witnessKey, err := note.NewVerifier(os.Args[4])
	must(err)
	cosignature, err := torchwood.NewCosignatureVerifier(os.Args[5])
	must(err)
	opened, err := note.Open(message, note.VerifierList(logKey, witnessKey, cosignature))
	must(err)
	if len(opened.Sigs) != 3 {
		must(fmt.Errorf("%d of 3 signatures hold", len(opened.Sigs)))
	}
	checkpoint, err := torchwood.ParseCheckpoint(opened.Text)
	must(err)
	tree := checkpoint.Tree

	// Each record is in the tree, and each smaller tree (of some) is its beginning.
	reader := tlog.TileHashReader(tree, tiles{folder})
	root, err := tlog.TreeHash(tree.N, reader)
	must(err)
	if root != tree.Hash {
		must(fmt.Errorf("another root"))
	}
	records := entries(folder, tree.N)
	if int64(len(records)) != tree.N {
		must(fmt.Errorf("%d entries of %d", len(records), tree.N))
	}
	for i, record := range records {
		proof, err := tlog.ProveRecord(tree.N, int64(i), reader)
		must(err)
		must(tlog.CheckRecord(proof, tree.N, tree.Hash, int64(i), tlog.RecordHash(record)))
	}
	for _, n := range []int64{1, 2, 255, 256, 257, tree.N - 1} {
		older, err := tlog.TreeHash(n, reader)
		must(err)
		proof, err := tlog.ProveTree(tree.N, n, reader)
		must(err)
		must(tlog.CheckTree(proof, tree.N, tree.Hash, n, older))
	}

	// A client of tlog-tiles gives the same records, and checks them itself.
	files, err := torchwood.NewTileFS(os.DirFS(folder))
	must(err)
	client, err := torchwood.NewClient(files)
	must(err)
	seen := int64(0)
	for i, record := range client.AllEntries(context.Background(), tree, 0) {
		if i != seen || string(record) != string(records[i]) {
			must(fmt.Errorf("another record at %d", i))
		}
		seen++
	}
	must(client.Err())
	if seen != tree.N {
		must(fmt.Errorf("%d records of %d", seen, tree.N))
	}
	fmt.Println("ok", tree.N)
}
