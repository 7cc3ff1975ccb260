package execution

import "fmt"

// Limits bound what one execution may take.
type Limits struct {
	TimeoutSeconds int64 `json:"timeout_seconds" bson:"timeout_seconds" avro:"timeout_seconds"` // of wall time, from the start of the script
	CPUMillis      int64 `json:"cpu_millis" bson:"cpu_millis" avro:"cpu_millis"`                // thousandths of a core
	MemoryBytes    int64 `json:"memory_bytes" bson:"memory_bytes" avro:"memory_bytes"`
	OutputBytes    int64 `json:"output_bytes" bson:"output_bytes" avro:"output_bytes"` // that are kept, of each stream
	Processes      int64 `json:"processes" bson:"processes" avro:"processes"`          // and threads, at one time
	DiskBytes      int64 `json:"disk_bytes" bson:"disk_bytes" avro:"disk_bytes"`       // of all files that it has at one time

	// Asked for, or 0: not bounded apart from the others.
	CPUSeconds int64 `json:"cpu_seconds,omitempty" bson:"cpu_seconds,omitempty" avro:"cpu_seconds"` // of all processes together
	OpenFiles  int64 `json:"open_files,omitempty" bson:"open_files,omitempty" avro:"open_files"`    // of each process
	FileBytes  int64 `json:"file_bytes,omitempty" bson:"file_bytes,omitempty" avro:"file_bytes"`    // of each file that it writes
}

// Range is what a limit may be, in the unit of its name.
type Range struct {
	Min     int64 `json:"min"`
	Max     int64 `json:"max"`
	Default int64 `json:"default"`
}

// Bounds is the range of each limit.
type Bounds struct {
	TimeoutSeconds Range `json:"timeout_seconds"`
	CPUMillis      Range `json:"cpu_millis"`
	MemoryBytes    Range `json:"memory_bytes"`
	OutputBytes    Range `json:"output_bytes"`
	Processes      Range `json:"processes"`
	DiskBytes      Range `json:"disk_bytes"`
	CPUSeconds     Range `json:"cpu_seconds"`
	OpenFiles      Range `json:"open_files"`
	FileBytes      Range `json:"file_bytes"`
}

// DefaultBounds are those of a platform on which nobody has set others
// (parity EX-02 and SY-01).
var DefaultBounds = Bounds{
	TimeoutSeconds: Range{1, 300, 30},
	CPUMillis:      Range{100, 2000, 1000},
	MemoryBytes:    Range{32 << 20, 1 << 30, 128 << 20},
	OutputBytes:    Range{1 << 10, 16 << 20, 1 << 20},
	Processes:      Range{1, 512, 64},
	DiskBytes:      Range{1 << 20, 1 << 30, 64 << 20},
	CPUSeconds:     Range{1, 600, 0},
	OpenFiles:      Range{16, 4096, 0},
	FileBytes:      Range{1 << 10, 1 << 30, 0},
}

// Apply returns asked with each zero replaced: by the language's own profile,
// else by the default. A limit outside of its range is refused, never clamped;
// the error is a FieldErrors.
func (b Bounds) Apply(asked, profile Limits) (Limits, error) {
	var errs FieldErrors
	each := func(name string, asked *int64, profile int64, r Range) {
		switch {
		case *asked != 0:
			errs.add(*asked >= r.Min && *asked <= r.Max, "limits."+name, "%s", r)
		case profile != 0:
			*asked = min(profile, r.Max)
		default:
			*asked = r.Default
		}
	}
	each("timeout_seconds", &asked.TimeoutSeconds, profile.TimeoutSeconds, b.TimeoutSeconds)
	each("cpu_millis", &asked.CPUMillis, profile.CPUMillis, b.CPUMillis)
	each("memory_bytes", &asked.MemoryBytes, profile.MemoryBytes, b.MemoryBytes)
	each("output_bytes", &asked.OutputBytes, profile.OutputBytes, b.OutputBytes)
	each("processes", &asked.Processes, profile.Processes, b.Processes)
	each("disk_bytes", &asked.DiskBytes, profile.DiskBytes, b.DiskBytes)
	each("cpu_seconds", &asked.CPUSeconds, profile.CPUSeconds, b.CPUSeconds)
	each("open_files", &asked.OpenFiles, profile.OpenFiles, b.OpenFiles)
	each("file_bytes", &asked.FileBytes, profile.FileBytes, b.FileBytes)
	if len(errs) > 0 {
		return asked, errs
	}
	return asked, nil
}

// String is r as rules of a field say it, such as 1..300.
func (r Range) String() string { return fmt.Sprintf("%d..%d", r.Min, r.Max) }
