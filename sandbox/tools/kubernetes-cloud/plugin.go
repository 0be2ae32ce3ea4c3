package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"net"
	"os"
	"strings"
	"time"
)

const (
	// As containerd calls this program, see https://www.cni.dev/docs/spec/.
	pluginName   = "policies"
	pluginSocket = "/run/node/policies.sock"
	pluginLimit  = 20 * time.Second
)

// What the plugin says of a pod that is about to start.
type newcomer struct {
	UID, Namespace, Name, Address string
}

// runPlugin is the last step of giving a pod its network. A pod starts when its policies hold, as it does with a network that has them
// built in; if they cannot, it does not start.
func runPlugin() {
	switch os.Getenv("CNI_COMMAND") {
	case "VERSION":
		fmt.Println(`{"cniVersion":"1.0.0","supportedVersions":["0.4.0","1.0.0"]}`)
	case "ADD":
		if err := announce(); err != nil {
			fmt.Printf(`{"cniVersion":"1.0.0","code":100,"msg":%q}`+"\n", err.Error())
			os.Exit(1)
		}
	}
}

func announce() error {
	var input struct {
		PrevResult json.RawMessage
	}
	if err := json.NewDecoder(os.Stdin).Decode(&input); err != nil {
		return err
	}
	var result struct {
		IPs []struct{ Address string }
	}
	if err := json.Unmarshal(input.PrevResult, &result); err != nil || len(result.IPs) == 0 {
		return fmt.Errorf("the pod has no address: %s", input.PrevResult)
	}
	arguments := map[string]string{}
	for _, argument := range strings.Split(os.Getenv("CNI_ARGS"), ";") {
		name, value, _ := strings.Cut(argument, "=")
		arguments[name] = value
	}
	address, _, _ := strings.Cut(result.IPs[0].Address, "/")
	connection, err := net.DialTimeout("unix", pluginSocket, pluginLimit)
	if err != nil {
		return err
	}
	defer connection.Close()
	_ = connection.SetDeadline(time.Now().Add(pluginLimit))
	pod := newcomer{arguments["K8S_POD_UID"], arguments["K8S_POD_NAMESPACE"], arguments["K8S_POD_NAME"], address}
	if err := json.NewEncoder(connection).Encode(pod); err != nil {
		return err
	}
	var failure string
	if err := json.NewDecoder(connection).Decode(&failure); err != nil {
		return err
	}
	if failure != "" {
		return fmt.Errorf("network policies: %s", failure)
	}
	_, err = os.Stdout.Write(input.PrevResult)
	return err
}

// servePlugin answers the plugin when the rules for its pod are there.
func servePlugin(ctx context.Context, policies *policies) error {
	_ = os.Remove(pluginSocket)
	listener, err := net.Listen("unix", pluginSocket)
	if err != nil {
		return err
	}
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				log.Fatal(err)
			}
			go func() {
				defer connection.Close()
				_ = connection.SetDeadline(time.Now().Add(pluginLimit))
				var failure string
				if err := welcome(ctx, policies, connection); err != nil {
					failure = err.Error()
				}
				_ = json.NewEncoder(connection).Encode(failure)
			}()
		}
	}()
	return nil
}

func welcome(ctx context.Context, policies *policies, connection net.Conn) error {
	var pod newcomer
	if err := json.NewDecoder(connection).Decode(&pod); err != nil {
		return err
	}
	// The kubelet may have heard of the pod a moment earlier.
	for deadline := time.Now().Add(pluginLimit / 2); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if known, err := policies.pods.Pods(pod.Namespace).Get(pod.Name); err == nil && string(known.GetUID()) == pod.UID {
			return policies.learn(ctx, pod.UID, pod.Address)
		}
	}
	return fmt.Errorf("the pod %s/%s is not known", pod.Namespace, pod.Name)
}
