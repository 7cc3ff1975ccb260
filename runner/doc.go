// Package runner is what runs inside of a pod, PID 1 beside the script, and the
// frames in which it tells the outside what the script does.
//
// The job, the frames and what they carry compile everywhere; the program is
// for Linux.
package runner
