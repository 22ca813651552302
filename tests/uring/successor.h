/* SPDX-License-Identifier: MIT */
/*
 * successor.h - what a program and the one it becomes agree on
 */
#ifndef URING_SUCCESSOR_H
#define URING_SUCCESSOR_H

#define PLACE	 ((char *)0x600000000000)
#define ROOM	 (16u << 20)
#define PAUSE_MS 40 /* for which it looks whether anything comes */

#endif /* URING_SUCCESSOR_H */
