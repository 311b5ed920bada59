"""Prints the steps per second of stable-baselines3's PPO with given hyperparameters, as JSON.

Run by `benchmarks.ppo.speed` with the interpreter that has stable-baselines3.
"""

from __future__ import annotations

import argparse
import json
import time


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("steps", "envs", "threads", "rollout", "minibatch", "epochs", "seed"):
        parser.add_argument(f"--{name}", type=int, required=True)
    for name in ("learning-rate", "gamma", "gae-lambda", "clip"):
        parser.add_argument(f"--{name}", type=float, required=True)
    parser.add_argument("--processes", action="store_true", help="run each environment in a process of its own")
    args = parser.parse_args()

    import torch
    from stable_baselines3 import PPO
    from stable_baselines3.common.env_util import make_vec_env
    from stable_baselines3.common.vec_env import DummyVecEnv, SubprocVecEnv

    torch.set_num_threads(args.threads)
    environment = make_vec_env(
        "LunarLander-v3", args.envs, seed=args.seed, vec_env_cls=SubprocVecEnv if args.processes else DummyVecEnv
    )
    model = PPO(
        "MlpPolicy", environment, device="cpu", seed=args.seed, n_steps=args.rollout // args.envs,
        batch_size=args.minibatch, n_epochs=args.epochs, learning_rate=args.learning_rate, gamma=args.gamma,
        gae_lambda=args.gae_lambda, clip_range=args.clip,
    )  # fmt: skip
    model.learn(args.rollout)  # a warm-up: what happens only once is not measured
    started = time.perf_counter()
    model.learn(args.steps)
    print(json.dumps({"steps_per_second": args.steps / (time.perf_counter() - started)}))
    environment.close()


if __name__ == "__main__":
    main()
