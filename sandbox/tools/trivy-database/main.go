// Writes a vulnerability database for Trivy, with the entries that standard input names and no others: by the package
// that writes the real one, so that Trivy reads it as it reads that.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/aquasecurity/trivy-db/pkg/db"
	"github.com/aquasecurity/trivy-db/pkg/metadata"
	"github.com/aquasecurity/trivy-db/pkg/types"
	bolt "go.etcd.io/bbolt"
)

// order is what standard input holds, as JSON.
type order struct {
	// When the database was made: Trivy tells its age by this.
	UpdatedAt time.Time
	Entries   []entry
}

type entry struct {
	// The family of packages, as Trivy names it: "debian 13", "pip::GitHub Security Advisory pip".
	Source  string
	Package string
	ID      string
	Title   string
	// LOW, MEDIUM, HIGH or CRITICAL.
	Severity string
	// For packages of a distribution: the version that mends it; without one it is affected and not mended.
	FixedVersion string
	// For packages of a language.
	VulnerableVersions []string
	PatchedVersions    []string
}

func main() {
	if err := write(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func write(directory string) error {
	var given order
	if err := json.NewDecoder(os.Stdin).Decode(&given); err != nil {
		return err
	}
	if err := db.Init(directory); err != nil {
		return err
	}
	config := db.Config{}
	for _, one := range given.Entries {
		if err := config.BatchUpdate(func(tx *bolt.Tx) error { return put(config, tx, one) }); err != nil {
			return err
		}
	}
	if err := db.Close(); err != nil {
		return err
	}
	return metadata.NewClient(directory).Update(metadata.Metadata{
		Version:    db.SchemaVersion,
		UpdatedAt:  given.UpdatedAt,
		NextUpdate: given.UpdatedAt.Add(24 * time.Hour),
	})
}

func put(config db.Config, tx *bolt.Tx, one entry) error {
	severity, err := types.NewSeverity(one.Severity)
	if err != nil {
		return err
	}
	if err := config.PutDataSource(tx, one.Source, types.DataSource{ID: "planted", Name: "planted entries"}); err != nil {
		return err
	}
	advisory := types.Advisory{
		FixedVersion:       one.FixedVersion,
		VulnerableVersions: one.VulnerableVersions,
		PatchedVersions:    one.PatchedVersions,
	}
	if err := config.PutAdvisory(tx, []string{one.Source, one.Package}, one.ID, advisory); err != nil {
		return err
	}
	return config.PutVulnerability(tx, one.ID, types.Vulnerability{Title: one.Title, Severity: severity.String()})
}
