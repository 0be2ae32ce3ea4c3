import { z } from "zod";

const days = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"] as const;

/** When backups are taken. */
export const backupPolicy = z
  .object({
    plan: z.enum(["daily", "weekly"], { error: "must be daily or weekly" }),
    weekday: z.enum(days, { error: `must be one of ${days.join(", ")}` }).optional(),
    hour: z
      .union(
        [0, 4, 8, 12, 16, 20].map((hour) => z.literal(hour)),
        { error: "must be one of 0, 4, 8, 12, 16, 20" },
      )
      .optional(),
  })
  .refine(({ plan, weekday }) => plan === "daily" || weekday !== undefined, "weekday is required for the plan weekly");

/** What DigitalOcean takes when nobody says. */
export const defaultPolicy: z.infer<typeof backupPolicy> = { plan: "weekly", weekday: "SUN", hour: 0 };
