// What a provider adds to a cluster, for a node of the sandbox: load balancers, volumes, copies of the registry's pull secret, network
// policies, and the resolver behind the cluster's own. All but the last follow the objects in the cluster; nothing is asked for again
// and again.
package main

import (
	"context"
	"flag"
	"log"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
)

// One concern of the provider. It compares what there is with what should be, and changes what differs; called again, it goes on.
type part interface {
	sync(ctx context.Context) error
}

const (
	// Changes come in groups: a rollout, or a manifest with twenty objects.
	settle     = 50 * time.Millisecond
	retryAfter = 2 * time.Second
)

func main() {
	if filepath.Base(os.Args[0]) == pluginName {
		runPlugin()
		return
	}
	log.SetFlags(0)
	kubeconfig := flag.String("kubeconfig", "", "how to log in to the cluster")
	nodeAddress := flag.String("node-address", "", "the node's address in the machines' network")
	loadBalancer := flag.String("load-balancer", "", "the address at which services of type LoadBalancer answer outside")
	volumes := flag.String("volumes", "", "the directory of the volumes")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()

	if err := relayNames(*nodeAddress); err != nil {
		log.Fatal(err)
	}
	config, err := clientcmd.BuildConfigFromFlags("", *kubeconfig)
	if err != nil {
		log.Fatal(err)
	}
	config.UserAgent = "sandbox-cloud"
	config.QPS, config.Burst = 50, 100
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		log.Fatal(err)
	}
	factory := informers.NewSharedInformerFactory(client, 0)
	policies := newPolicies(factory)
	parts := []part{
		newLoadBalancers(client, factory, *nodeAddress, *loadBalancer),
		newPullSecrets(client, factory),
		newVolumes(client, factory, *volumes),
		policies,
	}
	changed := make(chan struct{}, 1)
	notify := func() {
		select {
		case changed <- struct{}{}:
		default:
		}
	}
	watchAll(factory, notify)
	factory.Start(ctx.Done())
	factory.WaitForCacheSync(ctx.Done())
	if err := servePlugin(ctx, policies); err != nil {
		log.Fatal(err)
	}
	notify()
	follow(ctx, parts, changed)
}

// watchAll tells of every change of the objects that the parts have asked the factory for.
func watchAll(factory informers.SharedInformerFactory, notify func()) {
	handler := cache.ResourceEventHandlerFuncs{
		AddFunc:    func(any) { notify() },
		UpdateFunc: func(any, any) { notify() },
		DeleteFunc: func(any) { notify() },
	}
	core := factory.Core().V1()
	for _, informer := range []cache.SharedIndexInformer{
		core.Services().Informer(), core.Namespaces().Informer(), core.Secrets().Informer(), core.ServiceAccounts().Informer(),
		core.PersistentVolumeClaims().Informer(), core.PersistentVolumes().Informer(), core.Pods().Informer(),
		factory.Storage().V1().StorageClasses().Informer(), factory.Networking().V1().NetworkPolicies().Informer(),
	} {
		if _, err := informer.AddEventHandler(handler); err != nil {
			log.Fatal(err)
		}
	}
}

func follow(ctx context.Context, parts []part, changed <-chan struct{}) {
	retry := make(<-chan time.Time)
	for {
		select {
		case <-ctx.Done():
			return
		case <-changed:
		case <-retry:
		}
		time.Sleep(settle)
		failed := false
		for _, part := range parts {
			if err := part.sync(ctx); err != nil {
				failed = true
				log.Print(err)
			}
		}
		retry = nil
		if failed {
			retry = time.After(retryAfter)
		}
	}
}
