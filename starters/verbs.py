"""The verbs of the command and what each does in a line, known without importing any of them."""

VERBS = {
    "approve": "consent to the recovery of a cluster that wdrip offers",
    "backup": "take a backup of a cluster now, or see whether one restores",
    "build": "build the software package that machines install, and upload it",
    "completion": "print the shell completion script for bash, zsh or fish",
    "create": "create a Kubernetes cluster",
    "delete": "delete a cluster and everything it was made of",
    "down": "stop the local stack and remove it with its clusters",
    "get": "show clusters, one's backups, or write its kubeconfig",
    "recover": "bring a cluster back from a backup",
    "scale": "set how many masters a cluster has",
    "schema": "print the JSON Schema of the files that wdrip reads",
    "token": "make the token that machines join a cluster with",
    "up": "start the local stack: Temporal, the local cloud and a worker",
    "version": "print the version",
    "watch": "follow the creation, recovery or deletion of a cluster",
}
