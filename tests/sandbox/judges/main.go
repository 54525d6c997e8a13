// Command dockerfile-judge says how the makers of the formats read Dockerfiles and ignore files; tests compare with it.
//
//	dockerfile-judge parse  < Dockerfile           one JSON object per instruction
//	dockerfile-judge ignore IGNORE_FILE < paths    the paths, one a line, that the file hides
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"
)

type instruction struct {
	Name  string   `json:"name"`
	Flags []string `json:"flags"`
	Line  int      `json:"line"`
	Text  string   `json:"text"`
}

func main() {
	err := fmt.Errorf("expected parse or ignore")
	if len(os.Args) == 2 && os.Args[1] == "parse" {
		err = parse()
	}
	if len(os.Args) == 3 && os.Args[1] == "ignore" {
		err = ignore(os.Args[2])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func parse() error {
	result, err := parser.Parse(os.Stdin)
	if err != nil {
		return err
	}
	out := json.NewEncoder(os.Stdout)
	for _, node := range result.AST.Children {
		one := instruction{Name: strings.ToUpper(node.Value), Flags: node.Flags, Line: node.StartLine, Text: node.Original}
		if err := out.Encode(one); err != nil {
			return err
		}
	}
	return nil
}

// Every folder of a path is asked before the path itself, as a walk over the context does.
func ignore(name string) error {
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	patterns, err := ignorefile.ReadAll(file)
	if err != nil {
		return err
	}
	matcher, err := patternmatcher.New(patterns)
	if err != nil {
		return err
	}
	paths := bufio.NewScanner(os.Stdin)
	for paths.Scan() {
		parts := strings.Split(paths.Text(), "/")
		hidden, above := false, patternmatcher.MatchInfo{}
		for count := 1; count <= len(parts); count++ {
			hidden, above, err = matcher.MatchesUsingParentResults(strings.Join(parts[:count], "/"), above)
			if err != nil {
				return err
			}
		}
		if hidden {
			fmt.Println(paths.Text())
		}
	}
	return paths.Err()
}
