package main

import (
	"context"
	"errors"
	"maps"
	"reflect"
	"slices"

	core "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	listers "k8s.io/client-go/listers/core/v1"
)

const (
	originAnnotation = "digitalocean.com/dosecret-identifier"
	copyLabel        = "digitalocean.com/copy-identifier"
	originNamespace  = "kube-system"
)

// A secret of kube-system with that annotation is copied to every other namespace, where the default service account pulls with it, as
// https://docs.digitalocean.com/products/container-registry/how-to/use-registry-docker-kubernetes/ says of a registry's integration.
type pullSecrets struct {
	client     kubernetes.Interface
	namespaces listers.NamespaceLister
	secrets    listers.SecretLister
	accounts   listers.ServiceAccountLister
}

func newPullSecrets(client kubernetes.Interface, factory informers.SharedInformerFactory) *pullSecrets {
	informers := factory.Core().V1()
	return &pullSecrets{client, informers.Namespaces().Lister(), informers.Secrets().Lister(), informers.ServiceAccounts().Lister()}
}

func (p *pullSecrets) sync(ctx context.Context) error {
	origins, err := p.origins()
	if err != nil {
		return err
	}
	namespaces, err := p.namespaces.List(labels.Everything())
	if err != nil {
		return err
	}
	var problems []error
	for _, namespace := range namespaces {
		if namespace.Name != originNamespace && namespace.Status.Phase == core.NamespaceActive {
			problems = append(problems, p.syncNamespace(ctx, namespace.Name, origins))
		}
	}
	return errors.Join(problems...)
}

func (p *pullSecrets) origins() (map[string]*core.Secret, error) {
	secrets, err := p.secrets.Secrets(originNamespace).List(labels.Everything())
	if err != nil {
		return nil, err
	}
	origins := map[string]*core.Secret{}
	for _, secret := range secrets {
		if _, marked := secret.Annotations[originAnnotation]; marked && secret.Type == core.SecretTypeDockerConfigJson {
			origins[secret.Name] = secret
		}
	}
	return origins, nil
}

func (p *pullSecrets) syncNamespace(ctx context.Context, namespace string, origins map[string]*core.Secret) error {
	secrets := p.client.CoreV1().Secrets(namespace)
	there, err := p.secrets.Secrets(namespace).List(labels.Everything())
	if err != nil {
		return err
	}
	stale := map[string]bool{}
	known := map[string]*core.Secret{}
	for _, secret := range there {
		known[secret.Name] = secret
		if _, copied := secret.Labels[copyLabel]; copied && origins[secret.Name] == nil {
			stale[secret.Name] = true
			if err := secrets.Delete(ctx, secret.Name, meta.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
				return err
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(origins)) {
		origin, present := origins[name], known[name]
		if present == nil {
			wanted := &core.Secret{
				ObjectMeta: meta.ObjectMeta{Name: name, Namespace: namespace, Labels: map[string]string{copyLabel: name}},
				Type:       origin.Type,
				Data:       origin.Data,
			}
			if _, err := secrets.Create(ctx, wanted, meta.CreateOptions{}); err != nil && !apierrors.IsAlreadyExists(err) {
				return err
			}
		} else if _, copied := present.Labels[copyLabel]; copied && !reflect.DeepEqual(present.Data, origin.Data) {
			changed := present.DeepCopy()
			changed.Data = origin.Data
			if _, err := secrets.Update(ctx, changed, meta.UpdateOptions{}); err != nil {
				return err
			}
		}
	}
	return p.syncAccount(ctx, namespace, origins, stale)
}

// The account comes a moment after its namespace; that it comes is a change, too.
func (p *pullSecrets) syncAccount(ctx context.Context, namespace string, origins map[string]*core.Secret, stale map[string]bool) error {
	account, err := p.accounts.ServiceAccounts(namespace).Get("default")
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	names := []core.LocalObjectReference{}
	for _, reference := range account.ImagePullSecrets {
		if !stale[reference.Name] {
			names = append(names, reference)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(origins)) {
		if reference := (core.LocalObjectReference{Name: name}); !slices.Contains(names, reference) {
			names = append(names, reference)
		}
	}
	if slices.Equal(names, account.ImagePullSecrets) {
		return nil
	}
	changed := account.DeepCopy()
	changed.ImagePullSecrets = names
	_, err = p.client.CoreV1().ServiceAccounts(namespace).Update(ctx, changed, meta.UpdateOptions{})
	return err
}
