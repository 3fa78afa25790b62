package main

import (
	"fmt"
	"os"
	"strings"

	signallogger "go.mau.fi/libsignal/logger"
	waLog "go.mau.fi/whatsmeow/util/log"
)

var verbose = os.Getenv("PEER_LOG") != ""

func init() {
	var silent signallogger.Loggable = signalLogger{}
	signallogger.Setup(&silent)
}

// logger emits the warnings and errors of whatsmeow as events, so that a test can check that there are none. With PEER_LOG,
// all lines also go to stderr.
type logger struct {
	out    *output
	module string
}

type logLine struct {
	Level  string `json:"level"`
	Module string `json:"module"`
	Text   string `json:"text"`
}

func (log *logger) print(level, format string, args []any) {
	line := logLine{Level: level, Module: log.module, Text: fmt.Sprintf(format, args...)}
	if verbose {
		fmt.Fprintf(os.Stderr, "%s %s %s\n", line.Level, line.Module, line.Text)
	}
	if level == "warn" || level == "error" {
		log.out.emit("log", line)
	}
}

func (log *logger) Errorf(format string, args ...any) { log.print("error", format, args) }
func (log *logger) Warnf(format string, args ...any)  { log.print("warn", format, args) }
func (log *logger) Infof(format string, args ...any)  { log.print("info", format, args) }
func (log *logger) Debugf(format string, args ...any) { log.print("debug", format, args) }

// signalLogger prints what libsignal has to say to stderr. libsignal's own logger would print it between the lines of stdout.
type signalLogger struct{}

func (signalLogger) print(level, caller, text string) {
	if verbose {
		fmt.Fprintf(os.Stderr, "%s libsignal %s %s\n", level, caller, text)
	}
}

func (log signalLogger) Error(caller, text string)   { log.print("error", caller, text) }
func (log signalLogger) Warning(caller, text string) { log.print("warn", caller, text) }
func (log signalLogger) Info(caller, text string)    { log.print("info", caller, text) }
func (log signalLogger) Debug(caller, text string)   {}
func (log signalLogger) Configure(settings string)   {}

func (log *logger) Sub(module string) waLog.Logger {
	return &logger{out: log.out, module: strings.TrimPrefix(log.module+"/"+module, "/")}
}
